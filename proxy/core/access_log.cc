#include "remora/config/access_log.h"

#include <algorithm>

#include "core/grpc.h"

namespace remora {
namespace {

bool compare(uint64_t value, AccessLogFilter::Op op, uint64_t with) {
  switch (op) {
    case AccessLogFilter::Op::kEqual: return value == with;
    case AccessLogFilter::Op::kGreaterOrEqual: return value >= with;
    case AccessLogFilter::Op::kLessOrEqual: return value <= with;
    case AccessLogFilter::Op::kNotEqual: return value != with;
  }
  return false;
}

// True if one of the short names is set; without names: if any flag is.
bool has_flag(const ResponseFlags& flags, const std::vector<std::string>& names) {
  if (flags.empty() || names.empty()) return !flags.empty();
  thread_local std::string list;
  list.assign(",");
  flags.append_short(list);
  list += ',';
  return std::ranges::any_of(names, [](const std::string& name) {
    for (size_t at = list.find(name); at != std::string::npos; at = list.find(name, at + 1)) {
      if (list[at - 1] == ',' && list[at + name.size()] == ',') return true;
    }
    return false;
  });
}

constexpr int kUnknown = 2;  // of gRPC

template <typename T, typename U>
bool contains(const std::vector<T>& list, U wanted) {
  return std::ranges::find(list, wanted) != list.end();
}

void append_key(const std::string& key, std::string& out) {
  out += '"';
  append_json_escaped(key, out);
  out += "\":";
}

// One operator keeps its type; anything else is a text.
void append_leaf(const Format& format, const ExchangeInfo& info, bool omit_empty, std::string& out) {
  if (format.single_operator()) return format.append_json(info, out);
  thread_local std::string text;
  text.clear();
  format.append(info, omit_empty ? "" : "-", text);
  out += '"';
  append_json_escaped(text, out);
  out += '"';
}

void append_object(const std::vector<JsonTemplate::Member>& members, const ExchangeInfo& info,
                   bool omit_empty, std::string& out) {
  out += '{';
  bool first = true;
  for (const auto& member : members) {
    const size_t begin = out.size();
    if (!first) out += ',';
    append_key(member.key, out);
    const size_t value = out.size();
    if (member.members.empty()) {
      append_leaf(member.value, info, omit_empty, out);
    } else {
      append_object(member.members, info, omit_empty, out);
    }
    if (omit_empty && std::string_view(out).substr(value) == "null") {
      out.resize(begin);
    } else {
      first = false;
    }
  }
  out += '}';
}

}  // namespace

bool AccessLogFilter::matches(const ExchangeInfo& info, uint64_t random) const {
  const auto child_matches = [&](const AccessLogFilter& child) { return child.matches(info, random); };
  switch (kind) {
    case Kind::kStatusCode: return compare(info.response_code, op, value);
    case Kind::kDuration: return compare(info.duration_ms(), op, value);
    case Kind::kNotHealthCheck: return !info.health_check;
    case Kind::kResponseFlag: return has_flag(info.flags, flags);
    case Kind::kHeader: return info.request != nullptr && header.matches(*info.request);
    case Kind::kRuntime: return fraction.value.includes(random);
    case Kind::kGrpcStatus:
      return contains(grpc_statuses, grpc_status_of(info).value_or(kUnknown)) != exclude;
    case Kind::kMetadata: {
      const MetadataValue* const found = metadata.find(info.dynamic_metadata);
      return found == nullptr ? match_if_key_not_found : metadata.value.matches(*found);
    }
    case Kind::kLogType: return contains(types, info.log_type) != exclude;
    case Kind::kAnd: return std::ranges::all_of(children, child_matches);
    case Kind::kOr: return std::ranges::any_of(children, child_matches);
  }
  return false;
}

void JsonTemplate::append(const ExchangeInfo& info, std::string& out) const {
  append_object(members, info, omit_empty, out);
}

void AccessLogConfig::append_line(const ExchangeInfo& info, std::string& out) const {
  if (!json) return text.append(info, "-", out);
  json_format.append(info, out);
  out += '\n';
}

}  // namespace remora

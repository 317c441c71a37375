#include "core/condition_text.h"

#include <array>

#include <fmt/format.h>

#include "remora/config/metadata.h"
#include "remora/http/filter_state.h"
#include "remora/http/path.h"
#include "remora/http/tls_info.h"

namespace remora {
namespace {

constexpr size_t kLongest = 200;
constexpr std::string_view kAbsent = "(absent)";

std::string text_of(const StringMatcher& matcher) {
  static constexpr std::array<std::string_view, 5> kNames = {"exact", "prefix", "suffix", "contains",
                                                             "safe_regex"};
  const auto name = kNames[static_cast<size_t>(matcher.kind)];
  const bool regex = matcher.kind == StringMatcher::Kind::kRegex;
  return fmt::format("{} {}{}", name, quoted(regex ? matcher.regex.pattern() : matcher.value),
                     matcher.ignore_case ? " (any case)" : "");
}

std::string text_of(const ValueMatcher& matcher) {
  switch (matcher.kind) {
    case ValueMatcher::Kind::kNull: return "null";
    case ValueMatcher::Kind::kNumber:
      return matcher.from == matcher.to ? fmt::format("{}", matcher.from)
                                        : fmt::format("from {} to below {}", matcher.from, matcher.to);
    case ValueMatcher::Kind::kString: return text_of(matcher.string);
    case ValueMatcher::Kind::kBool: return matcher.flag ? "true" : "false";
    case ValueMatcher::Kind::kPresent: return matcher.flag ? "present" : "never";
    case ValueMatcher::Kind::kOneOf: return "a list with " + text_of(matcher.any.front());
    case ValueMatcher::Kind::kOr: break;
  }
  std::string text;
  for (const auto& one : matcher.any) text.append(text.empty() ? "" : " or ").append(text_of(one));
  return text;
}

std::string_view unless(bool invert) { return invert ? "not " : ""; }

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, kLongest)) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + (text.size() > kLongest ? "...\"" : "\"");
}

std::string condition_text(const PathMatch& path) {
  static constexpr std::array<std::string_view, 6> kNames = {
      "prefix", "path", "path_separated_prefix", "safe_regex", "connect_matcher", "path_match_policy"};
  if (path.kind == PathMatch::Kind::kConnect) return "connect_matcher";
  const bool regex = path.kind == PathMatch::Kind::kRegex;
  return fmt::format("{} {}{}", kNames[static_cast<size_t>(path.kind)],
                     quoted(regex ? path.regex.pattern() : path.value),
                     path.case_sensitive ? "" : " (any case)");
}

std::string condition_text(const HeaderMatcher& matcher) {
  std::string wanted;
  switch (matcher.kind) {
    case HeaderMatcher::Kind::kPresent: wanted = matcher.present ? "present" : "absent"; break;
    case HeaderMatcher::Kind::kString: wanted = text_of(matcher.string); break;
    case HeaderMatcher::Kind::kRange:
      wanted = fmt::format("from {} to below {}", matcher.range_start, matcher.range_end);
  }
  return fmt::format("{}: {}{}", matcher.name, unless(matcher.invert), wanted);
}

std::string condition_text(const QueryMatcher& matcher) {
  if (matcher.any_value) return matcher.name + (matcher.present ? ": present" : ": absent");
  return matcher.name + ": " + text_of(matcher.string);
}

std::string condition_text(const MetadataMatcher& matcher) {
  std::string place = matcher.filter;
  for (const auto& step : matcher.path) place += "/" + step;
  return fmt::format("{}: {}{}", place, unless(matcher.invert), text_of(matcher.value));
}

std::string condition_text(const FilterStateMatcher& matcher) {
  return matcher.key + ": " + text_of(matcher.string);
}

std::string condition_text(const ClientCertMatch& match) {
  std::string text = "client certificate:";
  if (match.presented) text += *match.presented ? " presented" : " not presented";
  if (match.validated) text += *match.validated ? " validated" : " not validated";
  return text;
}

std::string condition_text(const RuntimeFraction& fraction) {
  return fmt::format("{} of {} requests", fraction.value.numerator, fraction.value.denominator);
}

std::string condition_text(GrpcCondition /*grpc*/) { return "content-type: application/grpc"; }

std::string seen_text(const HeaderMatcher& matcher, const HeaderMap& head) {
  // As HeaderMatcher::matches: host and :authority are one header under two names.
  const bool host = matcher.id == HeaderId::kHost && !head.has(HeaderId::kHost);
  const std::string_view name = host ? ":authority" : std::string_view(matcher.name);
  std::string seen;
  for (const auto& field : head.fields()) {
    if (field.name != name) continue;
    if (seen.size() > kLongest) return seen + ", ...";
    seen.append(seen.empty() ? "" : ", ").append(quoted(field.value));
  }
  return seen.empty() ? std::string(kAbsent) : seen;
}

std::string seen_text(const QueryMatcher& matcher, std::string_view query) {
  const auto value = query_parameter(query, matcher.name);
  return value ? quoted(*value) : std::string(kAbsent);
}

std::string seen_text(const MetadataMatcher& matcher, const Metadata* metadata) {
  if (metadata == nullptr) return std::string(kAbsent);
  const auto found = metadata->filters.find(matcher.filter);
  const MetadataValue* at = found == metadata->filters.end() ? nullptr : &found->second;
  for (const auto& step : matcher.path) at = at == nullptr ? nullptr : at->find(step);
  if (at == nullptr) return std::string(kAbsent);
  std::string json;
  at->append_json(json);
  if (json.size() > kLongest) json.replace(kLongest, std::string::npos, "...");
  return json;
}

std::string seen_text(const FilterStateMatcher& matcher, const FilterState* state) {
  const std::string* object = state == nullptr ? nullptr : state->find(matcher.key);
  return object == nullptr ? std::string(kAbsent) : quoted(*object);
}

std::string seen_text(const ClientCertMatch& /*match*/, const TlsInfo* tls) {
  if (tls == nullptr) return "no TLS";
  if (!tls->peer_presented) return "not presented";
  return tls->peer_validated ? "presented, validated" : "presented, not validated";
}

std::string seen_text(const RuntimeFraction& fraction, uint64_t random) {
  return fmt::format("{} (the request's random value modulo {})", random % fraction.value.denominator,
                     fraction.value.denominator);
}

std::string seen_text(GrpcCondition /*grpc*/, const HeaderMap& head) {
  const auto type = head.get(HeaderId::kContentType);
  return type ? "content-type: " + quoted(*type) : std::string(kAbsent);
}

std::string place_of(const VirtualHost& host, size_t position) {
  for (const RouteGroup& group : host.groups) {
    if (position < group.first || position - group.first >= group.count) continue;
    return group.count == 1 ? group.place : fmt::format("{}.routes[{}]", group.place, position - group.first);
  }
  return fmt::format("routes[{}]", position);
}

std::string to_string(const RouteMatch& match) {
  std::string text = condition_text(match.path);
  const auto each = [&text](const auto& list) {
    for (const auto& matcher : list) text += ", " + condition_text(matcher);
  };
  if (match.runtime_fraction) text += ", " + condition_text(*match.runtime_fraction);
  if (match.grpc) text += ", " + condition_text(GrpcCondition());
  each(match.headers);
  each(match.query_parameters);
  if (match.tls_context) text += ", " + condition_text(*match.tls_context);
  each(match.dynamic_metadata);
  each(match.filter_state);
  return text;
}

}  // namespace remora

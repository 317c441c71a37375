// %REQ(X?Y):Z%, %RESP(...)%, %TRAILER(...)%, and what is read from the path: %PATH%, %QUERY_PARAM%,
// %QUERY_PARAMS%.

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "core/ascii.h"
#include "core/format_makers.h"
#include "core/format_read.h"
#include "remora/http/path.h"

namespace remora {
namespace {

using Text = std::optional<std::string_view>;

struct HeaderName {
  std::string text;
  HeaderId id = HeaderId::kOther;
};

// The field-name characters of RFC 9110 section 5.6.2, behind the ':' that pseudo headers begin with.
bool is_header_name(std::string_view name) {
  if (name.starts_with(':')) name.remove_prefix(1);
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || kOthers.find(c) != std::string_view::npos;
  });
}

Result<HeaderName> header_called(std::string_view given) {
  HeaderName name{std::string(given), HeaderId::kOther};
  ascii_lower_in_place(name.text);
  if (!is_header_name(name.text)) return Error{"'" + std::string(given) + "' is not a header name"};
  if (name.text == "host") name.text = ":authority";  // one header, whatever the protocol calls it
  name.id = header_id(name.text);
  return name;
}

struct HeaderOperator final : Format::Operator {
  bool append(const ExchangeInfo& info, std::string& out) const override {
    const HeaderMap* const head = info.*map;
    if (head == nullptr) return false;
    for (size_t i = 0; i < names; ++i) {
      if (const auto value = lookup(*head, name[i])) {
        out.append(truncated(*value, max_length));
        return true;
      }
    }
    return false;
  }
  static Text lookup(const HeaderMap& head, const HeaderName& wanted) {
    return wanted.id == HeaderId::kOther ? head.get(wanted.text) : head.get(wanted.id);
  }

  const HeaderMap* ExchangeInfo::*map = nullptr;
  std::array<HeaderName, 2> name;
  size_t names = 1;
  std::optional<size_t> max_length;
};

Text target_of(const ExchangeInfo& info, bool original, bool current) {
  if (info.request == nullptr) return std::nullopt;
  const auto before = original ? info.request->get(HeaderId::kXEnvoyOriginalPath) : std::nullopt;
  return before || !current ? before : info.request->get(HeaderId::kPath);
}

struct PathOperator final : Format::Operator {
  bool append(const ExchangeInfo& info, std::string& out) const override {
    auto target = target_of(info, original, current);
    if (!target) return false;
    out.append(truncated(with_query ? *target : target->substr(0, target->find('?')), max_length));
    return true;
  }
  bool with_query = true;
  bool original = true;
  bool current = true;
  std::optional<size_t> max_length;
};

struct QueryOperator final : Format::Operator {
  bool append(const ExchangeInfo& info, std::string& out) const override {
    const auto target = target_of(info, false, true);
    if (!target) return false;
    const auto parts = split_path(*target);
    const Text found =
        name.empty() ? (parts.has_query ? Text(parts.query) : Text()) : query_parameter(parts.query, name);
    if (found) out.append(truncated(*found, max_length));
    return found.has_value();
  }
  std::string name;  // empty: the whole query
  std::optional<size_t> max_length;
};

}  // namespace

Result<OperatorPtr> make_header(const OperatorCall& call) {
  auto made = std::make_shared<HeaderOperator>();
  const bool request = call.name.starts_with("REQ");
  const bool trailer = call.name.ends_with("TRAILER");
  made->map = request   ? &ExchangeInfo::request
              : trailer ? &ExchangeInfo::response_trailers
                        : &ExchangeInfo::response;
  made->max_length = call.max_length;
  const size_t separator = call.argument->find('?');
  made->names = separator == std::string_view::npos ? 1 : 2;
  for (size_t i = 0; i < made->names; ++i) {
    auto name =
        header_called(i == 0 ? call.argument->substr(0, separator) : call.argument->substr(separator + 1));
    if (!name) return std::move(name).error();
    made->name[i] = std::move(name).value();
  }
  return OperatorPtr(std::move(made));
}

Result<OperatorPtr> make_path(const OperatorCall& call) {
  const std::string_view argument = call.argument.value_or(std::string_view{});
  const size_t colon = std::min(argument.find(':'), argument.size());
  const std::string_view query = argument.substr(0, colon);
  const std::string_view source = argument.substr(std::min(colon + 1, argument.size()));
  if (!query.empty() && query != "WQ" && query != "NQ") return Error{"its first argument must be WQ or NQ"};
  if (!source.empty() && source != "ORIG" && source != "PATH" && source != "ORIG_OR_PATH") {
    return Error{"its second argument must be ORIG, PATH or ORIG_OR_PATH"};
  }
  auto made = std::make_shared<PathOperator>();
  made->with_query = query != "NQ";
  made->original = source != "PATH";
  made->current = source != "ORIG";
  made->max_length = call.max_length;
  return OperatorPtr(std::move(made));
}

Result<OperatorPtr> make_query(const OperatorCall& call) {
  auto made = std::make_shared<QueryOperator>();
  made->max_length = call.max_length;
  const std::string_view argument = call.argument.value_or(std::string_view{});
  if (call.name == "QUERY_PARAM") {
    made->name = argument;
  } else if (!argument.empty() && argument != "ORIG") {
    return Error{"this build only supports the argument ORIG"};
  }
  return OperatorPtr(std::move(made));
}

}  // namespace remora

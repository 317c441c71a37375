#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/format_operator.h"
#include "remora/core/format.h"

namespace remora {
namespace {

bool is_name(char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

/// Reads operators off the front of a text.
class OperatorReader {
 public:
  explicit OperatorReader(std::string_view text) : text_(text) {}

  /// `at`: where the '%' stands. On success `at` is behind the closing '%'.
  Result<OperatorCall> read(size_t& at) {
    OperatorCall call;
    size_t end = at + 1;
    while (end < text_.size() && is_name(text_[end])) ++end;
    call.name = text_.substr(at + 1, end - at - 1);
    if (call.name.empty()) return Error{"no operator follows '%'; a percent sign itself is written %%"};
    if (peek(end) == '(') {
      const size_t close = text_.find(')', end);
      if (close == std::string_view::npos)
        return Error{"%" + std::string(call.name) + "(: the ')' is missing"};
      call.argument = text_.substr(end + 1, close - end - 1);
      end = close + 1;
    }
    if (peek(end) == ':') {
      size_t length = 0;
      const char* const first = text_.data() + end + 1;
      const auto [last, failed] = std::from_chars(first, text_.data() + text_.size(), length);
      if (failed != std::errc{})
        return Error{"%" + std::string(call.name) + "%: ':' wants a length behind it"};
      call.max_length = length;
      end += 1 + static_cast<size_t>(last - first);
    }
    if (peek(end) != '%') return Error{"%" + std::string(call.name) + ": the closing '%' is missing"};
    at = end + 1;
    return call;
  }

 private:
  [[nodiscard]] char peek(size_t at) const { return at < text_.size() ? text_[at] : '\0'; }
  std::string_view text_;
};

}  // namespace

Result<Format> Format::parse(std::string_view text) {
  Format format;
  std::string fixed;
  const auto flush = [&] {
    if (fixed.empty()) return;
    format.parts_.push_back(Format::literal(fixed).parts_.front());
    fixed.clear();
  };
  OperatorReader reader(text);
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '%') {
      const size_t end = std::min(text.find('%', at), text.size());
      fixed.append(text.substr(at, end - at));
      at = end;
    } else if (text.substr(at).starts_with("%%")) {
      fixed += '%';
      at += 2;
    } else {
      const std::string where = "at position " + std::to_string(at);
      auto call = reader.read(at);
      if (!call) return std::move(call).error().in(where);
      auto made = make_operator(*call);
      if (!made) return std::move(made).error().in("%" + std::string(call->name) + "% " + where);
      flush();
      format.parts_.push_back(std::move(made).value());
    }
  }
  flush();
  return format;
}

std::string_view default_access_log_format() {
  return "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% "
         "%RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "
         "\"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" "
         "\"%UPSTREAM_HOST%\"\n";
}

}  // namespace remora

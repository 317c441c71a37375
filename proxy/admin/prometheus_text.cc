#include "admin/prometheus.h"

namespace remora::admin {
namespace {

bool allowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The length of the UTF-8 sequence at the start of `text`; 0 if there is none (RFC 3629).
size_t utf8_length(std::string_view text) {
  const auto byte = [&text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  const bool too_long = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second > 0x9f;
  const bool beyond = first == 0xf4 && second > 0x8f;
  return too_long || surrogate || beyond ? 0 : length;
}

void append_escaped(std::string_view text, std::string& out) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else if (text[0] == '\n') {
      out += "\\n";
    } else {
      if (text[0] == '"' || text[0] == '\\') out += '\\';
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

}  // namespace

void append_prometheus_name(std::string_view text, std::string& out) {
  if (out.empty() && !text.empty() && text[0] >= '0' && text[0] <= '9') out += '_';
  for (const char c : text) out += allowed(c) ? c : '_';
}

void append_prometheus_label(std::string_view name, std::string_view value, std::string& out) {
  std::string clean;  // a name's first character must not be a digit either
  append_prometheus_name(name, clean);
  out.append(clean).append("=\"");
  append_escaped(value, out);
  out += '"';
}

std::string_view prometheus_alias(std::string_view metric) {
  return metric == "istio_requests_total" ? "istio_request_total" : std::string_view();
}

}  // namespace remora::admin

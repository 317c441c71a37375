#include "admin/request.h"

namespace remora::admin {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Percent escapes only: a "+" stays a plus, since regular expressions are what is mostly asked for here. What
// is no valid escape stays as it is.
std::string decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

Request::Request(std::string_view method, std::string_view target) : method_(method) {
  const size_t query = target.find('?');
  path_ = target.substr(0, query);
  if (query != std::string_view::npos) parse_parameters(target.substr(query + 1));
}

void Request::parse_parameters(std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    parameters_.emplace_back(decode(pair.substr(0, equals)),
                             equals == std::string_view::npos ? "" : decode(pair.substr(equals + 1)));
  }
}

std::optional<std::string_view> Request::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

}  // namespace remora::admin

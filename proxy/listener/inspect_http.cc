#include <algorithm>
#include <cstring>

#include "listener/inspect.h"

namespace remora {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view kVersion = "HTTP/1.";

bool is_token(char c) {
  const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return alphanumeric || (c != '\0' && std::strchr("!#$%&'*+-.^_`|~", c) != nullptr);
}

/// The end of the run of bytes from `begin` on that `belongs` takes.
template <typename Belongs>
size_t end_of_run(std::string_view line, size_t begin, Belongs belongs) {
  const auto end = std::find_if_not(line.begin() + static_cast<std::ptrdiff_t>(begin), line.end(), belongs);
  return static_cast<size_t>(end - line.begin());
}

/// "HTTP/1.0" or "HTTP/1.1" and the line's end.
Inspection read_version(std::string_view rest, HttpVersion& version) {
  const size_t known = std::min(rest.size(), kVersion.size());
  if (rest.substr(0, known) != kVersion.substr(0, known)) return Inspection::kNotFound;
  if (rest.size() <= kVersion.size()) return Inspection::kMore;
  const char minor = rest[kVersion.size()];
  if (minor != '0' && minor != '1') return Inspection::kNotFound;
  const auto end = rest.substr(kVersion.size() + 1);
  if (end.empty() || end == "\r") return Inspection::kMore;
  if (!end.starts_with("\r\n") && !end.starts_with('\n')) return Inspection::kNotFound;
  version = minor == '1' ? HttpVersion::kHttp11 : HttpVersion::kHttp10;
  return Inspection::kFound;
}

/// Gives up at the first byte that cannot be, so that other protocols need not wait.
Inspection read_request_line(std::string_view line, HttpVersion& version) {
  const size_t method = end_of_run(line, 0, is_token);
  if (method == line.size()) return Inspection::kMore;
  if (method == 0 || line[method] != ' ') return Inspection::kNotFound;
  const auto visible = [](char c) { return c > 0x20 && c < 0x7f; };
  const size_t target = end_of_run(line, method + 1, visible);
  if (target == line.size()) return Inspection::kMore;
  if (target == method + 1 || line[target] != ' ') return Inspection::kNotFound;
  return read_version(line.substr(target + 1), version);
}

}  // namespace

Inspection inspect_http(std::string_view bytes, HttpVersion& version) {
  if (bytes.empty()) return Inspection::kMore;
  const size_t known = std::min(bytes.size(), kPreface.size());
  if (bytes.substr(0, known) == kPreface.substr(0, known)) {
    version = HttpVersion::kHttp2;
    return known == kPreface.size() ? Inspection::kFound : Inspection::kMore;
  }
  const auto result = read_request_line(bytes.substr(0, kMaxRequestLine), version);
  return result == Inspection::kMore && bytes.size() >= kMaxRequestLine ? Inspection::kTooLarge : result;
}

}  // namespace remora

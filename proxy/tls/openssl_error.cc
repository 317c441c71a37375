#include "tls/openssl_error.h"

#include <openssl/err.h>

#include <algorithm>
#include <cctype>

namespace remora {
namespace {

std::string_view or_unknown(const char* text) { return text != nullptr ? text : "unknown"; }

std::string reason_name(unsigned long code) {
  std::string name(or_unknown(ERR_reason_error_string(code)));
  std::ranges::transform(name, name.begin(), [](unsigned char c) {
    return std::isalnum(c) != 0 ? static_cast<char>(std::toupper(c)) : '_';
  });
  return name;
}

}  // namespace

std::string take_openssl_reason() {
  const unsigned long code = ERR_peek_error();
  std::string reason(code == 0 ? "no reason given" : or_unknown(ERR_reason_error_string(code)));
  ERR_clear_error();
  return reason;
}

std::string take_transport_failure(std::string_view detail) {
  std::string text = "TLS_error:";
  while (const unsigned long code = ERR_get_error()) {
    text += "|" + std::to_string(code) + ":";
    text += or_unknown(ERR_lib_error_string(code));
    text += ":OPENSSL_internal:" + reason_name(code) + ":";
  }
  if (!detail.empty()) text.append(detail).append(":");
  return text + "TLS_error_end";
}

}  // namespace remora

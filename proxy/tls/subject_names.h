#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tls/openssl_ptr.h"

namespace remora {

/// One subject alternative name as text: addresses in their usual form, others as they stand.
struct SubjectName {
  enum class Type : uint8_t { kDns, kUri, kEmail, kIp, kOther };
  Type type;
  std::string value;
  std::string oid;  // kOther
};

/// A certificate's subject alternative names. A name with a NUL byte or another control character inside is
/// left out: what compares it as a C string and what compares it by length would see different names, and a
/// line break would split the header or log line that shows it.
std::vector<SubjectName> subject_names(X509* certificate);

/// The last common name of the subject; "" if there is none, or one as above.
std::string common_name(X509* certificate);

/// Whether a certificate's DNS name covers `host`, ignoring case. "*" stands for exactly one label, the
/// first.
bool dns_name_covers(std::string_view name, std::string_view host);

/// RFC 2253, as Envoy prints subjects and issuers.
std::string name_text(const X509_NAME* name);

}  // namespace remora

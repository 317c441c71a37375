#pragma once

#include <string>
#include <utility>
#include <vector>

#include "remora/core/clock.h"

namespace remora {

/// One certificate that is in use, for /certs.
struct CertificateEntry {
  std::string path;  // TlsCertificate::origin or CertificateValidation::ca_origin
  std::string serial;
  std::vector<std::pair<std::string, std::string>>
      subject_alt_names;  // ("dns" | "uri" | "ip_address", value)
  WallTime valid_from{};
  WallTime expires{};
};

/// The certificates of one context, as GET /certs lists them.
struct CertificateSet {
  std::vector<CertificateEntry> ca;
  std::vector<CertificateEntry> chain;
};

}  // namespace remora

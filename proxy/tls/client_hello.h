#pragma once

#include <string>
#include <vector>

#include "tls/openssl_ptr.h"

namespace remora {

/// What a ClientHello says about the certificate that would suit it.
struct ClientHello {
  std::string sni;  // lower-case; "" if there is none
  bool wants_ocsp = false;
  bool offers_tls13 = false;
  std::vector<int> ecdsa_curves;  // NIDs on which it can verify an ECDSA signature

  [[nodiscard]] bool takes_ecdsa(int curve) const;
};

/// Only from within OpenSSL's ClientHello callback. False: malformed.
bool read_client_hello(SSL* ssl, ClientHello& hello);

}  // namespace remora

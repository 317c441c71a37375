#pragma once

#include <string>

#include "remora/config/listener.h"
#include "remora/http/header_map.h"
#include "remora/http/tls_info.h"

namespace remora {

/// The element of x-forwarded-client-cert that this hop adds for one connection: the same for each of its
/// requests, so it is written once. Owned by the connection, worker thread only.
class ClientCertElement {
 public:
  /// `By=...;Hash=...` and what `details` asks for; valid until the next call with other details.
  const std::string& text(const TlsInfo& tls, const HttpConnectionManagerConfig::ClientCertDetails& details);

 private:
  std::string text_;
  HttpConnectionManagerConfig::ClientCertDetails details_;
};

/// Brings x-forwarded-client-cert into the form that the connection manager promises: what a client may say
/// about itself counts only where the configuration says so, and our own element only where a client
/// certificate was presented. `tls` is null on plain text. Source: Envoy, x-forwarded-client-cert.
void forward_client_cert(HeaderMap& head, const HttpConnectionManagerConfig& config, const TlsInfo* tls,
                         ClientCertElement& element);

}  // namespace remora

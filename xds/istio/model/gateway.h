#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "istio/model/services.h"

namespace remora::istio {

/// ServerTLSSettings: what a server of a gateway asks of its clients, and shows them.
struct ServerTls {
  enum class Mode {
    kPassthrough,     ///< TLS goes on as it is, to whom the client asks for
    kSimple,          ///< a certificate of our own
    kMutual,          ///< and the client must have one
    kOptionalMutual,  ///< and the client may have one
    kIstioMutual,     ///< the mesh's certificates on both sides
  };
  Mode mode = Mode::kPassthrough;
  bool https_redirect = false;
  std::string credential;  ///< credentialName, without "kubernetes://"; empty: files
  std::string certificate;
  std::string private_key;
  std::string ca_certificates;
  std::vector<std::string> subject_alt_names;  ///< of clients
  enum class Version { kAuto, kTls10, kTls11, kTls12, kTls13 };
  Version min_version = Version::kAuto;
  Version max_version = Version::kAuto;
  std::vector<std::string> cipher_suites;

  /// Whether clients may show a certificate.
  bool takes_client_certificates() const {
    return mode == Mode::kMutual || mode == Mode::kOptionalMutual || mode == Mode::kIstioMutual;
  }
};

/// Server: one port of a gateway, for some hosts.
struct GatewayServer {
  enum class Protocol { kHttp, kHttp2, kGrpc, kHttps, kTls, kTcp };
  std::string name;  ///< of the port
  uint16_t port = 0;
  Protocol protocol = Protocol::kHttp;
  std::string bind;  ///< an address; empty: all
  /// Whose VirtualServices count ("*" anybody's, "." the Gateway's own namespace), and for which hosts.
  std::vector<std::pair<std::string, std::string>> hosts;
  ServerTls tls;
  std::string path;  ///< "spec.servers[0]", for findings
  int line = 0;

  /// Requests that come in plain text.
  bool is_plain_http() const { return protocol <= Protocol::kGrpc; }
  /// TLS that ends here.
  bool ends_tls() const {
    return (protocol == Protocol::kHttps || protocol == Protocol::kTls) &&
           tls.mode != ServerTls::Mode::kPassthrough;
  }
  bool passes_tls() const {
    return (protocol == Protocol::kHttps || protocol == Protocol::kTls) && !ends_tls();
  }
  /// Whether requests are read here.
  bool is_http() const { return is_plain_http() || (protocol == Protocol::kHttps && ends_tls()); }
};

/// https://istio.io/latest/docs/reference/config/networking/gateway/
struct Gateway {
  Labels selector;  ///< of the proxies; empty: every gateway
  std::vector<GatewayServer> servers;
};

}  // namespace remora::istio

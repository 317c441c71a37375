#pragma once

#include "remora/core/stats.h"

namespace remora {

/// tls_inspector.*: one scope for all listeners. Source: Envoy, TLS inspector statistics.
enum TlsInspectorStat : size_t {
  kClientHelloTooLarge,
  kTlsFound,
  kTlsNotFound,
  kAlpnFound,
  kAlpnNotFound,
  kSniFound,
  kSniNotFound,
};
StatSchema tls_inspector_stat_schema();
ScopeName tls_inspector_scope_name();

/// http_inspector.*: one scope for all listeners.
enum HttpInspectorStat : size_t {
  kInspectorReadError,
  kHttp10Found,
  kHttp11Found,
  kHttp2Found,
  kHttpNotFound,
};
StatSchema http_inspector_stat_schema();
ScopeName http_inspector_scope_name();

/// proxy_proto.*: one scope for all listeners.
enum ProxyProtocolStat : size_t {
  kProxyNotFoundAllowed,
  kProxyNotFoundDisallowed,
  kProxyV1Found,
  kProxyV1Disallowed,
  kProxyV1Error,
  kProxyV2Found,
  kProxyV2Disallowed,
  kProxyV2Error,
};
StatSchema proxy_protocol_stat_schema();
ScopeName proxy_protocol_scope_name();

}  // namespace remora

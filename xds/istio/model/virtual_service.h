#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "istio/text/scalar.h"

namespace remora::istio {

/// Istio's StringMatch. Regular expressions are RE2's and must match the whole text.
struct StringMatch {
  enum class Kind { kExact, kPrefix, kRegex };
  Kind kind = Kind::kExact;
  std::string value;
};

/// Name to wanted value; no value means that the name need only be present.
using NamedMatches = std::vector<std::pair<std::string, std::optional<StringMatch>>>;

/// HTTPMatchRequest: everything in it must hold.
struct HttpMatch {
  std::string name;
  std::optional<StringMatch> uri;
  std::optional<StringMatch> scheme;
  std::optional<StringMatch> method;
  std::optional<StringMatch> authority;
  NamedMatches headers;
  NamedMatches without_headers;
  NamedMatches query_params;
  bool ignore_uri_case = false;
  std::optional<uint16_t> port;
  std::map<std::string, std::string> source_labels;
  std::string source_namespace;
  std::vector<std::string> gateways;
  std::string stat_prefix;
};

/// Where traffic goes. `host` is as written: short names still wait for their namespace.
struct Destination {
  std::string host;
  std::string subset;
  std::optional<uint16_t> port;
  int line = 0;      ///< of the subset, else of the host
  std::string path;  ///< "spec.http[0].route[1].destination": findings about undefined names need it
};

struct HeaderOperations {
  std::map<std::string, std::string> set;
  std::map<std::string, std::string> add;
  std::vector<std::string> remove;
};

struct Headers {
  HeaderOperations request;
  HeaderOperations response;
};

struct RouteDestination {
  Destination destination;
  uint32_t weight = 0;
  Headers headers;
};

struct HttpRedirect {
  std::string uri;
  std::string authority;
  std::string scheme;
  enum class Port { kUnset, kGiven, kProtocolDefault, kRequest };
  Port port_from = Port::kUnset;
  uint16_t port = 0;
  uint16_t code = 301;
};

struct HttpDirectResponse {
  uint16_t status = 0;
  std::string body;
  bool is_text = true;
};

struct HttpRewrite {
  std::string uri;
  std::string authority;
  std::string regex;  ///< uriRegexRewrite.match; empty where not given
  std::string regex_substitution;
};

struct HttpRetry {
  uint32_t attempts = 0;  ///< 0 turns retries off
  std::optional<Duration> per_try_timeout;
  std::optional<Duration> backoff;
  std::string retry_on;
  std::optional<bool> ignore_previous_hosts;
  bool remote_localities = false;  ///< further tries leave out the priorities that were tried
};

struct HttpMirror {
  Destination destination;
  double percentage = 100;
};

/// CorsPolicy: who may read the answers of a route from a page of another origin.
struct CorsPolicy {
  std::vector<StringMatch> allow_origins;
  std::vector<std::string> allow_methods;
  std::vector<std::string> allow_headers;
  std::vector<std::string> expose_headers;
  std::optional<Duration> max_age;
  std::optional<bool> allow_credentials;
  bool forward_unmatched_preflights = true;
};

/// HTTPFaultInjection: trouble made on purpose, for a share of the requests.
struct HttpFault {
  struct Delay {
    Duration fixed{};
    double percentage = 0;  ///< of nobody, where it is not given
  };
  struct Abort {
    std::optional<uint32_t> http_status;  ///< one of the two is there
    std::optional<uint32_t> grpc_status;
    double percentage = 0;
  };
  std::optional<Delay> delay;
  std::optional<Abort> abort;
};

/// Delegate: another VirtualService, one without hosts, whose routes take this one's place.
struct Delegate {
  std::string name;
  std::string ns;  ///< empty: that of the VirtualService that delegates
  int line = 0;
  std::string path;  ///< "spec.http[0].delegate"
};

/// HTTPRoute: one of `redirect`, `direct_response`, `delegate` and a non-empty `route` is there.
struct HttpRoute {
  std::string name;
  std::vector<HttpMatch> match;  ///< any of them; empty: every request
  std::vector<RouteDestination> route;
  std::optional<HttpRedirect> redirect;
  std::optional<HttpDirectResponse> direct_response;
  std::optional<HttpRewrite> rewrite;
  std::optional<Duration> timeout;
  std::optional<HttpRetry> retries;  ///< absent: the mesh's default policy, which retries as well
  std::vector<HttpMirror> mirrors;
  Headers headers;
  std::optional<CorsPolicy> cors;
  std::optional<HttpFault> fault;
  std::optional<Delegate> delegate;
  std::string path;  ///< "spec.http[0]", for findings
  int line = 0;
};

/// L4MatchAttributes and TLSMatchAttributes: everything in it must hold.
struct L4Match {
  std::vector<std::string> sni_hosts;  ///< of tls routes, which need them: names that TLS clients ask for
  std::vector<std::string> destination_subnets;  ///< addresses and ranges
  std::string source_subnet;                     ///< an address or a range of clients; empty: any
  std::optional<uint16_t> port;
  std::map<std::string, std::string> source_labels;
  std::string source_namespace;
  std::vector<std::string> gateways;
};

/// TCPRoute and TLSRoute: where connections go. Their destinations have no headers.
struct L4Route {
  std::vector<L4Match> match;  ///< any of them; empty (tcp only): every connection
  std::vector<RouteDestination> route;
  std::string path;  ///< "spec.tcp[0]"
};

/// The annotation remora.dev/sticky: who keeps the destination that a route with several has once given.
struct Sticky {
  enum class By { kHeader, kCookie };
  By by = By::kHeader;
  std::string name;
  Duration max_age{};  ///< of the cookie; zero: for the client's session
};

/// https://istio.io/latest/docs/reference/config/networking/virtual-service/
struct VirtualService {
  std::vector<std::string> hosts;
  std::vector<std::string> gateways;
  std::vector<std::string> export_to;
  std::vector<HttpRoute> http;
  std::vector<L4Route> tls;  ///< for ports that say TLS or HTTPS
  std::vector<L4Route> tcp;  ///< for other ports that say no HTTP
  std::optional<Sticky> sticky;

  /// Whether sidecars follow it: they are the gateway called "mesh", which is also meant where none is named.
  bool for_mesh() const {
    return gateways.empty() || std::find(gateways.begin(), gateways.end(), "mesh") != gateways.end();
  }
  /// Whether it is only there for others to delegate to.
  bool is_delegate() const { return hosts.empty(); }
  /// Whether a route of it delegates.
  bool is_root() const {
    return std::any_of(http.begin(), http.end(), [](const HttpRoute& route) { return route.delegate; });
  }
};

}  // namespace remora::istio

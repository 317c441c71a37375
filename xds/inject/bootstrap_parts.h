#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>

// Pieces of Envoy's bootstrap, in JSON.
namespace remora::inject {

boost::json::object socket_address(const std::string& host, int port);

/// A cluster with one host, by address or by name.
boost::json::object cluster_to(const std::string& name, const std::string& host, int port);
void speak_http2(boost::json::object& cluster);

/// TLS to a server whose certificate has the URI `id` and is signed by `root` (PEM); it is asked for `host`.
boost::json::object verified_tls(const std::string& root, const std::string& id, const std::string& host);
/// TLS to whoever answers.
boost::json::object unverified_tls();

/// One path to one cluster. `rewritten` takes the path's place; where it is empty, the path stays.
boost::json::object route(const std::string& path, const std::string& cluster, const std::string& rewritten,
                          const std::string& timeout);

/// The addresses of all interfaces: of "ipv4", "ipv6" or "dual" (both).
struct Binding {
  std::string family;
};

/// A listener that serves these routes, and 404 for everything else. It keeps no access log.
boost::json::object http_listener(const std::string& name, const Binding& binding, int port,
                                  boost::json::array routes);

}  // namespace remora::inject

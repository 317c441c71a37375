#include "inject/bootstrap_parts.h"

#include <boost/json/value.hpp>

#include "istio/text/scalar.h"

namespace remora::inject {
namespace {

namespace json = boost::json;

constexpr const char* kTypes = "type.googleapis.com/";

json::object typed(const std::string& type) { return {{"@type", kTypes + type}}; }

/// What kubelet puts in place of a variable is known to be an address.
bool is_literal(const std::string& host) { return istio::is_ip_address(host) || host.starts_with("$("); }

json::object tls_socket(json::object context) {
  json::object config = typed("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext");
  for (auto& [name, value] : context) config[name] = std::move(value);
  return {{"name", "envoy.transport_sockets.tls"}, {"typed_config", std::move(config)}};
}

json::object router() {
  return {{"name", "envoy.filters.http.router"},
          {"typed_config", typed("envoy.extensions.filters.http.router.v3.Router")}};
}

}  // namespace

json::object socket_address(const std::string& host, int port) {
  return {{"socket_address", {{"address", host}, {"port_value", port}}}};
}

json::object cluster_to(const std::string& name, const std::string& host, int port) {
  const json::object endpoint{{"endpoint", {{"address", socket_address(host, port)}}}};
  return {{"name", name},
          {"type", is_literal(host) ? "STATIC" : "STRICT_DNS"},
          {"load_assignment",
           {{"cluster_name", name},
            {"endpoints", json::array{json::object{{"lb_endpoints", json::array{endpoint}}}}}}}};
}

void speak_http2(json::object& cluster) {
  json::object options = typed("envoy.extensions.upstreams.http.v3.HttpProtocolOptions");
  options["explicit_http_config"] = json::object{{"http2_protocol_options", json::object{}}};
  cluster["typed_extension_protocol_options"] =
      json::object{{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions", std::move(options)}};
}

json::object verified_tls(const std::string& root, const std::string& id, const std::string& host) {
  const json::object name{{"san_type", "URI"}, {"matcher", {{"exact", id}}}};
  const json::object validation{{"trusted_ca", {{"inline_string", root}}},
                                {"match_typed_subject_alt_names", json::array{name}}};
  return tls_socket(
      {{"sni", istio::is_ip_address(host) ? "localhost" : host},
       {"common_tls_context", {{"alpn_protocols", json::array{"h2"}}, {"validation_context", validation}}}});
}

json::object unverified_tls() { return tls_socket({{"common_tls_context", json::object{}}}); }

json::object route(const std::string& path, const std::string& cluster, const std::string& rewritten,
                   const std::string& timeout) {
  json::object action{{"cluster", cluster}, {"timeout", timeout}};
  if (!rewritten.empty()) action["prefix_rewrite"] = rewritten;
  return {{"match", {{"path", path}}}, {"route", std::move(action)}};
}

json::object http_listener(const std::string& name, const Binding& binding, int port, json::array routes) {
  json::object manager =
      typed("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager");
  const json::object host{{"name", name}, {"domains", json::array{"*"}}, {"routes", std::move(routes)}};
  manager["stat_prefix"] = name;
  manager["route_config"] = json::object{{"name", name}, {"virtual_hosts", json::array{host}}};
  manager["http_filters"] = json::array{router()};
  const json::object filter{{"name", "envoy.filters.network.http_connection_manager"},
                            {"typed_config", std::move(manager)}};
  json::object listener{{"name", name},
                        {"address", socket_address(binding.family == "ipv6" ? "::" : "0.0.0.0", port)}};
  if (binding.family == "dual") {
    listener["additional_addresses"] = json::array{json::object{{"address", socket_address("::", port)}}};
  }
  listener["filter_chains"] = json::array{json::object{{"filters", json::array{filter}}}};
  return listener;
}

}  // namespace remora::inject

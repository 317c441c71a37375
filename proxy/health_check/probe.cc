#include "health_check/probe.h"

#include "health_check/grpc_probe.h"
#include "health_check/http_probe.h"
#include "health_check/tcp_probe.h"
#include "net/connection.h"
#include "net/dial.h"
#include "stats/cluster_stats.h"
#include "upstream/cluster_tls.h"
#include "upstream/first_words.h"

namespace remora {

std::unique_ptr<Probe> make_probe(const std::shared_ptr<CheckedCluster>& cluster,
                                  std::shared_ptr<const Host> host, ProbeOwner& owner) {
  const auto& check = cluster->config.check;
  if (const auto* http = std::get_if<HttpHealthCheck>(&check))
    return std::make_unique<HttpProbe>(cluster, std::move(host), owner, *http);
  if (const auto* tcp = std::get_if<TcpHealthCheck>(&check))
    return std::make_unique<TcpProbe>(cluster, std::move(host), owner, *tcp);
  return std::make_unique<GrpcProbe>(cluster, std::move(host), owner, std::get<GrpcHealthCheck>(check));
}

Address check_address(const Endpoint& endpoint) {
  if (endpoint.health_check == nullptr) return endpoint.address;
  const auto& own = *endpoint.health_check;
  Address address = own.address.empty() ? endpoint.address : own.address;
  if (own.port && address.is_ip()) address.set_port(*own.port);
  return address;
}

const std::string& check_authority(const Endpoint& endpoint, const std::string& configured) {
  const bool has_own = endpoint.health_check != nullptr && !endpoint.health_check->hostname.empty();
  return has_own ? endpoint.health_check->hostname : configured;
}

std::string connect_to_check(const CheckedCluster& cluster, const Endpoint& endpoint,
                             Connection& connection) {
  const auto& runtime = *cluster.runtime;
  std::unique_ptr<Transport> transport;
  const TransportWish wish{.shard = 0, .sni = {}, .san = {}, .alpn = cluster.config.alpn, .alpn_first = true};
  if (runtime.tls && !runtime.tls->make_transport(endpoint, wish, transport))
    return std::string(kSecretsMissing);
  auto dialled = dial_from(runtime.config->bind.get(), check_address(endpoint), {});
  if (dialled.bind_failed) runtime.stats->block(0).add(kBindErrors);
  if (dialled.fd < 0) return std::move(dialled.failure);
  connection.connect(dialled.fd, std::move(transport));
  const ProxyHeader* header = runtime.tls ? runtime.tls->proxy_header(endpoint) : nullptr;
  if (header != nullptr) connection.say_first(proxy_header(*header, {}, dialled.fd));
  return {};
}

}  // namespace remora

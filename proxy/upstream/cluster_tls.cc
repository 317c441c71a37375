#include "upstream/cluster_tls.h"

#include <algorithm>

#include "net/transport.h"
#include "stats/cluster_stats.h"

namespace remora {
namespace {

constexpr std::string_view kMatchNamespace = "envoy.transport_socket_match";
// What a server_name extension may carry (RFC 6066 section 3 and RFC 1035).
constexpr size_t kMaxName = 255;

/// A list in the metadata has a value if one of its elements is that.
bool has(const MetadataValue& value, const MetadataValue& wanted) {
  if (value == wanted) return true;
  const auto* list = std::get_if<MetadataValue::List>(&value.value);
  return list != nullptr && std::find(list->begin(), list->end(), wanted) != list->end();
}

bool has_all(const Endpoint& endpoint, const SubsetMatch& match) {
  return std::all_of(match.begin(), match.end(), [&](const auto& wanted) {
    const auto* value = endpoint.metadata->find(kMatchNamespace, wanted.first);
    return value != nullptr && has(*value, wanted.second);
  });
}

}  // namespace

Result<std::shared_ptr<const ClusterTls>> ClusterTls::make(const ClusterConfig& config,
                                                           const MakeClientTls& make_slot) {
  if (!config.tls && !config.proxy_header && config.transport_socket_matches.empty())
    return std::shared_ptr<const ClusterTls>();
  if (!make_slot) return Error{"cluster '" + config.name + "': there is no TLS here"};
  auto made = std::make_shared<ClusterTls>();
  for (const auto& match : config.transport_socket_matches)
    made->ways_.push_back({match.match, match.tls, nullptr, match.proxy_header});
  made->ways_.push_back({{}, config.tls, nullptr, config.proxy_header});
  for (auto& way : made->ways_) {
    if (!way.config) continue;
    auto slot = make_slot(way.config, {cluster_scope_name(cluster_stat_name(config)), false},
                          "cluster '" + config.name + "'");
    if (!slot) return slot.error();
    way.slot = std::move(*slot);
  }
  return std::shared_ptr<const ClusterTls>(std::move(made));
}

const ClusterTls::Way& ClusterTls::choose(const Endpoint& endpoint) const {
  return *std::find_if(ways_.begin(), ways_.end() - 1,
                       [&](const Way& way) { return has_all(endpoint, way.match); });
}

bool ClusterTls::same(const Endpoint& a, const Endpoint& b) const {
  const auto& way = choose(a);
  return &way == &choose(b) && (!way.config || !way.config->auto_host_sni || a.hostname == b.hostname);
}

bool ClusterTls::make_transport(const Endpoint& endpoint, const TransportWish& wish,
                                std::unique_ptr<Transport>& out) const {
  const auto& way = choose(endpoint);
  if (!way.config) return true;
  const auto context = way.slot->current();
  if (!context) {
    way.slot->stats().not_ready(wish.shard);
    return false;
  }
  ClientHandshake handshake{
      .shard = wish.shard, .host = endpoint.address_text, .sni = {}, .expected_sans = {}, .alpn = {}};
  handshake.sni =
      wish.sni.empty() && way.config->auto_host_sni ? std::string_view(endpoint.hostname) : wish.sni;
  if (handshake.sni.size() > kMaxName) handshake.sni = {};
  std::string expected(wish.san);
  if (expected.empty() && way.config->auto_sni_san_validation)
    expected = handshake.sni.empty() ? std::string_view(way.config->sni) : handshake.sni;
  if (!expected.empty()) handshake.expected_sans = {&expected, 1};
  if (wish.alpn_first || context->alpn().empty()) handshake.alpn = wish.alpn;
  out = context->connect(handshake);
  return out != nullptr;
}

}  // namespace remora

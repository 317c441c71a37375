#include "translate/metadata_exchange.h"

#include <algorithm>

#include "api/istio_metadata_exchange.pb.h"
#include "translate/field_check.h"

namespace remora::xds {

bool MetadataExchanges::read(const TypedConfig& config, Context& context) {
  using envoy::tcp::metadataexchange::config::MetadataExchange;
  const auto* exchange = dynamic_cast<const MetadataExchange*>(config.message.get());
  if (exchange == nullptr) return false;
  const auto scope = context.in("typed_config");
  check_fields(*exchange, context);
  if (exchange->protocol().empty()) {
    context.error("protocol", "is required");
  } else {
    context.warning("protocol", "'" + exchange->protocol() +
                                    "' is neither offered nor taken: peers of TCP connections stay unknown");
    protocols_.push_back(exchange->protocol());
  }
  return true;
}

template <typename Tls>
std::shared_ptr<const Tls> MetadataExchanges::changed(const std::shared_ptr<const Tls>& tls) const {
  if (tls == nullptr || empty()) return tls;
  auto out = std::make_shared<Tls>(*tls);
  std::erase_if(out->common.alpn, [&](const std::string& protocol) {
    return std::find(protocols_.begin(), protocols_.end(), protocol) != protocols_.end();
  });
  return out;
}

std::shared_ptr<const DownstreamTls> MetadataExchanges::without(
    const std::shared_ptr<const DownstreamTls>& tls) const {
  return changed(tls);
}

std::shared_ptr<const UpstreamTls> MetadataExchanges::without(
    const std::shared_ptr<const UpstreamTls>& tls) const {
  return changed(tls);
}

void set_network_filters(const envoy::config::cluster::v3::Cluster& cluster, Context& context,
                         ClusterConfig& out) {
  MetadataExchanges exchanges;
  for (int i = 0; i < cluster.filters_size(); ++i) {
    const auto scope = context.in("filters", i);
    const auto& filter = cluster.filters(i);
    if (filter.has_config_discovery())
      context.unsupported("config_discovery", "a filter that comes by itself");
    const TypedConfig config = unpack(filter.typed_config());
    if (!exchanges.read(config, context)) {
      refuse_extension("network filter", filter.name(), config, context);
    }
  }
  out.tls = exchanges.without(out.tls);
  for (auto& match : out.transport_socket_matches) match.tls = exchanges.without(match.tls);
}

}  // namespace remora::xds

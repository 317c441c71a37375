#pragma once

#include <memory>
#include <string>
#include <vector>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "remora/config/cluster.h"
#include "remora/config/tls.h"
#include "translate/context.h"
#include "translate/typed_config.h"

namespace remora::xds {

/// Istio's exchange of metadata at the beginning of a TCP connection between two sidecars, which this build
/// does not have. It happens on connections whose TLS has agreed on its protocol, so that protocol is neither
/// offered nor taken: connections work with peers that have it, and what they would have said stays unknown.
class MetadataExchanges {
 public:
  /// Standing at the filter, whose configuration it is. False: that is another filter.
  bool read(const TypedConfig& config, Context& context);
  bool empty() const { return protocols_.empty(); }

  /// The same without the protocols of all that was read. Null stays null.
  std::shared_ptr<const DownstreamTls> without(const std::shared_ptr<const DownstreamTls>& tls) const;
  std::shared_ptr<const UpstreamTls> without(const std::shared_ptr<const UpstreamTls>& tls) const;

 private:
  template <typename Tls>
  std::shared_ptr<const Tls> changed(const std::shared_ptr<const Tls>& tls) const;

  std::vector<std::string> protocols_;
};

/// The cluster's network filters, of which the exchange is the only one that is known. Standing at the
/// cluster, whose transport sockets `out` has.
void set_network_filters(const envoy::config::cluster::v3::Cluster& cluster, Context& context,
                         ClusterConfig& out);

}  // namespace remora::xds

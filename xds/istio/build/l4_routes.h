#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "istio/build/filters.h"
#include "istio/model/address_range.h"

namespace envoy::config::listener::v3 {
class Listener;
}

// Where connections that are not read as HTTP go: by VirtualService (tcp, tls), else to the service itself.
namespace remora::istio {

/// What connections must show, and where they go then.
struct L4Chain {
  std::vector<std::string> server_names;   ///< of TLS clients; empty: whatever they say
  std::vector<AddressRange> destinations;  ///< empty: wherever they go
  std::optional<AddressRange> source;      ///< absent: wherever they come from
  std::vector<ClusterShare> clusters;
  std::string stat_prefix;
  PolicySettings policy;

  bool takes_everything() const { return server_names.empty() && destinations.empty() && !source; }
};

/// The ways from this proxy to `port` of `service`, whose clients speak `protocol`. TLS ports follow `tls`
/// routes; without any, and only where `by_name` says that the address does not tell the service, the client
/// has to ask for the service's names. Other ports follow `tcp` routes, and what these leave over goes to the
/// service.
std::vector<L4Chain> l4_chains(const MeshService& service, const MeshPort& port, Protocol protocol,
                               bool by_name, const MeshView& view);

/// The ways from a gateway's `port`, as `virtual_service` says: by its `tls` routes, else by its `tcp` ones.
/// `gateway`: "NAMESPACE/NAME".
std::vector<L4Chain> gateway_chains(const Resource& virtual_service, bool tls, uint16_t port,
                                    const std::string& gateway, const MeshView& view);

/// Filter chains of a listener under construction, no two of which match the same connections: Envoy refuses
/// that. The first one has them.
class ChainList {
 public:
  /// `beside_http`: a chain of the listener is for HTTP in plain text. Envoy takes the chains of the
  /// connection's transport and then does not come back to those of any, so what takes everything is the
  /// default one there.
  explicit ChainList(envoy::config::listener::v3::Listener& listener, bool beside_http = false)
      : listener_(listener),
        beside_http_(beside_http) {}

  void add(const L4Chain& chain);
  /// A chain of somebody else's has this name of TLS clients.
  void reserve(const std::string& name) { taken_.insert(name + "  "); }
  bool has_catch_all() const { return catch_all_; }
  bool has_server_names() const { return server_names_; }

 private:
  envoy::config::listener::v3::Listener& listener_;
  const bool beside_http_;
  std::set<std::string> taken_;  // name, destination and source, each
  bool catch_all_ = false;
  bool server_names_ = false;
};

}  // namespace remora::istio

#pragma once

#include <memory>
#include <set>
#include <string>

#include "common/proto_config.h"
#include "remora/filter/http_filter.h"
#include "remora/filter/registry.h"

namespace remora::filters {

/// The configuration of Istio's peer metadata filter. Immutable, shared by all workers.
struct PeerMetadataConfig {
  bool discover_downstream = false;  ///< read and remove the headers of requests
  bool discover_upstream = false;    ///< read and remove the headers of responses
  bool tell_upstream = false;        ///< say in requests who this proxy is
  bool tell_downstream = false;      ///< say it in responses to clients that said who they are
  std::string id;                    ///< x-envoy-peer-metadata-id: the node's id
  std::string value;                 ///< x-envoy-peer-metadata
  std::set<std::string> labels;      ///< labels to send and to keep besides Istio's own
};

/// Exchanges identities with the peers in headers, and leaves what was learned in ExchangeInfo. One instance
/// per worker.
std::unique_ptr<HttpFilter> make_peer_metadata_filter(std::shared_ptr<const PeerMetadataConfig> config);

/// io.istio.http.peer_metadata.Config -> factory (config.cc).
std::shared_ptr<const FilterFactory> make_peer_metadata(const FilterSource& source,
                                                        const FilterFactoryContext& context,
                                                        ConfigReport& report);

}  // namespace remora::filters

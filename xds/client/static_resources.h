#pragma once

#include <map>
#include <string>
#include <vector>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "remora/config/bootstrap.h"
#include "translate/cluster.h"
#include "translate/context.h"
#include "translate/listener.h"
#include "translate/secret.h"

namespace remora::xds {

/// Static clusters, listeners and secrets as they were translated, by position in the bootstrap.
struct StaticResources {
  struct Cluster {
    int index = 0;  // in static_resources.clusters
    TranslatedCluster translated;
  };
  struct Listener {
    int index = 0;
    TranslatedListener translated;
  };
  struct StaticSecret {
    int index = 0;
    std::shared_ptr<const Secret> translated;
  };
  std::vector<Cluster> clusters;
  std::vector<Listener> listeners;
  std::vector<StaticSecret> secrets;

  /// What can be used at once; the rest waits in the store for endpoints, routes or secrets.
  [[nodiscard]] ConfigBatch ready() const;
  /// Whether something here waits for a management server.
  [[nodiscard]] bool needs_ads() const;
  /// Whether hosts here are found by name, so that the clusters come with the first batch.
  [[nodiscard]] bool needs_names() const;
};

/// Translates static_resources. Errors (also duplicate names) are recorded; then the result is incomplete.
StaticResources translate_static_resources(const envoy::config::bootstrap::v3::Bootstrap& bootstrap,
                                           Environment& environment, ConfigReport& report);

}  // namespace remora::xds

#include <string>
#include <string_view>

#include "remora/config/cluster.h"

namespace remora {

const std::shared_ptr<const Locality>& no_locality() {
  static const auto none = std::make_shared<const Locality>();
  return none;
}

std::string cluster_stat_name(const ClusterConfig& config) {
  std::string_view rest = config.alt_stat_name->empty() ? config.name : *config.alt_stat_name;
  std::string name;
  name.reserve(rest.size());
  while (!rest.empty()) {
    // Envoy writes "://", ":/" and ":" alike as one '_'.
    const size_t length = rest.starts_with("://") ? 3 : rest.starts_with(":/") ? 2 : 1;
    const bool replaced = rest[0] == ':' || rest[0] == '\0';
    name += replaced ? '_' : rest[0];
    rest.remove_prefix(replaced ? length : 1);
  }
  return name;
}

}  // namespace remora

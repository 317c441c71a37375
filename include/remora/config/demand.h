#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>

namespace remora {

/// Where demanded resources come from. Opaque: made and read by xds/.
class DemandSource {
 public:
  virtual ~DemandSource() = default;
};

/// What a request needs that the configuration does not have (yet).
struct DemandKey {
  enum class Kind : uint8_t { kCluster, kVirtualHost };
  Kind kind = Kind::kCluster;
  std::string table;  // kVirtualHost: the route table, as HttpConnectionManagerConfig::rds_name has it
  std::string name;   // of the cluster; the host that the request asks for
  auto operator<=>(const DemandKey&) const = default;  // NOLINT: clang-tidy 14 takes its 0 for a pointer
};

struct Demand {
  DemandKey key;
  std::shared_ptr<const DemandSource> source;  // kCluster; a table says itself where its hosts come from
  uint64_t number = 0;  // larger than that of every demand that was made before, on whichever worker
};

/// The answer. What was found is there for requests as of the batch that says so.
struct SettledDemand {
  DemandKey key;
  bool found = false;   // false: there is no such thing, or it was refused
  uint64_t number = 0;  // of the newest demand that this answers: later ones were not known yet
};

}  // namespace remora

#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "control_plane/ads_channel.h"
#include "istio/build/asked.h"

namespace remora::xds {

/// What one proxy has asked for by name, and the configuration that comes of it. Names are made up by
/// clients, so there are at most kMost of them: the oldest tenth goes when there is one more, and a proxy
/// that still needs one of these asks again. Control thread only.
class AskedNames {
 public:
  static constexpr size_t kMost = 2000;

  /// Of virtual hosts or of clusters.
  using Name = std::pair<istio::XdsType, std::string>;

  /// Takes what a request of the delta protocol says. Whether it changes anything.
  bool take(const DiscoveryQuery& query);

  size_t size() const { return parts_.size(); }

  /// `base` and beside it what was asked for; `part_of` has it, and answers alike as long as nothing has
  /// changed. Costs a look at each name; what did not change is shared with what this returned last.
  using PartOf = std::function<std::shared_ptr<const istio::AskedPart>(const Name&)>;
  std::shared_ptr<const istio::Snapshot> compose(const std::shared_ptr<const istio::Snapshot>& base,
                                                 const PartOf& part_of);

 private:
  bool add(istio::XdsType type, const std::string& name);
  void drop_oldest();
  bool refresh(const PartOf& part_of);

  std::map<Name, std::shared_ptr<const istio::AskedPart>> parts_;  // null: not looked up yet
  std::deque<Name> order_;                                         // the same names, oldest first
  std::shared_ptr<const istio::Snapshot> base_;
  std::shared_ptr<const istio::Snapshot> composed_;
  size_t composed_parts_ = 0;  // that composed_ was made of
};

}  // namespace remora::xds

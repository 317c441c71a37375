#pragma once

#include <cstddef>
#include <memory>

#include "remora/config/balancer.h"
#include "remora/config/cluster.h"
#include "remora/core/clock.h"
#include "remora/core/random.h"
#include "upstream/host_set.h"

namespace remora {

/// A policy's part in a choice: one of a list of hosts. One per cluster and worker; not thread-safe. No
/// allocation per choice, except for what is made at the first one from a new list.
class HostPicker {
 public:
  virtual ~HostPicker() = default;
  /// There is a new HostSet with `lists` lists.
  virtual void adopt(size_t lists) { (void)lists; }
  /// `choices` is not empty.
  virtual const Host* pick(const HostChoices& choices) = 0;
};

/// The place of one host of an aperture, each as likely as what of it counts. O(log hosts).
size_t draw_by_share(const HostChoices& choices, Random& random);

/// What a policy needs of its worker. Borrowed.
struct PickerContext {
  size_t shard;  ///< whose counts of hosts are compared
  Random& random;
  const Clock& clock;
};

/// For a policy that does not choose by hash.
std::unique_ptr<HostPicker> make_picker(const ClusterConfig& config, const PickerContext& context);

// The policies; each is a file.
std::unique_ptr<HostPicker> make_round_robin(const ClusterConfig& config, const PickerContext& context);
std::unique_ptr<HostPicker> make_least_request(const ClusterConfig& config, const PickerContext& context);
std::unique_ptr<HostPicker> make_random(const PickerContext& context);
std::unique_ptr<HostPicker> make_peak_ewma(const ClusterConfig& config, const PickerContext& context);
std::unique_ptr<HostPicker> make_prequal(const ClusterConfig& config, const PickerContext& context);
std::unique_ptr<HostPicker> make_client_side_weighted(const ClusterConfig& config,
                                                      const PickerContext& context);

}  // namespace remora

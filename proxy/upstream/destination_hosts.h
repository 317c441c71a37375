#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "upstream/host.h"

namespace remora {

struct AddressHash {
  size_t operator()(const Address& address) const;
};

/// The hosts that the workers have made for a cluster whose hosts come with requests (ORIGINAL_DST, dynamic
/// forward proxy), each once however many workers use it: what /clusters and membership_total show. The lock
/// is taken when a worker makes or drops a host, not when it uses one. Any thread.
class DestinationHosts {
 public:
  /// `shards`: as for HostState.
  DestinationHosts(std::string cluster, size_t shards) : cluster_(std::move(cluster)), shards_(shards) {}

  struct Joined {
    std::shared_ptr<const Host> host;
    bool first = false;  ///< nobody had it
  };
  /// The host at `address`, which the caller then holds until it leaves.
  Joined join(const Address& address);
  /// The host called `hostname`, which is at the first of these addresses.
  Joined join(const std::string& hostname, const std::vector<Address>& addresses);
  /// It is at these addresses now: the host that says so, over the same state.
  std::shared_ptr<const Host> renew(const Host& host, const std::vector<Address>& addresses);
  /// True: nobody holds it any more.
  bool leave(const Host& host);

  [[nodiscard]] HostList list() const;
  [[nodiscard]] size_t size() const;

 private:
  struct Held {
    std::shared_ptr<const Host> host;
    size_t workers = 0;
  };
  Joined join(const std::string& hostname, const std::function<std::shared_ptr<const Endpoint>()>& make);

  const std::string cluster_;
  const size_t shards_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Held> hosts_;  // by hostname
};

}  // namespace remora

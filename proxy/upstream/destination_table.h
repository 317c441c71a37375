#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "net/timer_wheel.h"
#include "upstream/destination_hosts.h"

namespace remora {

class Reactor;
class StatBlock;
struct LbContext;

/// The hosts of a cluster on one worker that are made when requests want to go there. Not thread-safe.
class DestinationTable {
 public:
  struct Parts {
    Reactor& reactor;
    size_t shard;
    StatBlock& stats;  ///< of the cluster
    std::shared_ptr<DestinationHosts> hosts;
    /// A host is dropped: so are its pools.
    std::function<void(const HostState&)> drop;
    /// A host is at other addresses: new connections go there.
    std::function<void(const std::shared_ptr<const Host>&)> renew;
  };

  DestinationTable() = default;
  virtual ~DestinationTable() = default;
  DestinationTable(const DestinationTable&) = delete;
  DestinationTable& operator=(const DestinationTable&) = delete;
  /// Where a request goes; null: nowhere. Lives until the next call.
  virtual const Host* pick(const LbContext& context) = 0;
  /// Of the host that pick() gave last.
  [[nodiscard]] virtual const std::shared_ptr<const Host>& last_picked() const = 0;
  virtual void clear() = 0;
};

/// Those of a cluster of type ORIGINAL_DST: made when a connection wants to go there,
/// dropped when nothing has used them for a cleanup interval and no connection to them is left. Beyond kMost,
/// those that have rested longest go at once, so that a scan of a network costs no memory. Source: Envoy,
/// original destination cluster.
class OriginalDstTable final : public DestinationTable {
 public:
  static constexpr size_t kMost = 1024;

  OriginalDstTable(const OriginalDst& config, Parts parts);
  ~OriginalDstTable() override;

  /// By the request's header or by its connection; that a header names nowhere is counted.
  const Host* pick(const LbContext& context) override;
  [[nodiscard]] const std::shared_ptr<const Host>& last_picked() const override {
    return entries_.front().host;
  }
  void clear() override;
  [[nodiscard]] size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::shared_ptr<const Host> host;
    bool used = true;  // since the last sweep
  };
  using Entries = std::list<Entry>;

  std::optional<Address> destination(const LbContext& context);
  void make_room();
  void sweep();
  [[nodiscard]] HostStats& counts(const Entry& entry) const;
  Entries::iterator remove(Entries::iterator entry);
  void plan_sweep();

  const OriginalDst& config_;
  Parts parts_;
  Entries entries_;  // the most recently used first
  std::unordered_map<Address, Entries::iterator, AddressHash> by_address_;
  Timer sweep_timer_;
};

/// "1.2.3.4:80" or "[::1]:80"; nothing else.
std::optional<Address> parse_ip_and_port(std::string_view text);

}  // namespace remora

#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "net/timer_wheel.h"
#include "remora/config/dynamic_forward.h"
#include "upstream/destination_table.h"

namespace remora {

/// The hosts of a dynamic forward proxy's cluster on one worker: those that requests have named, as long as
/// their names are in the cache. Source: Envoy, dynamic forward proxy cluster.
class ForwardTable final : public DestinationTable {
 public:
  ForwardTable(const DynamicForward& config, Parts parts);
  ~ForwardTable() override;

  /// By the request's authority; nowhere if its name is not resolved.
  const Host* pick(const LbContext& context) override;
  [[nodiscard]] const std::shared_ptr<const Host>& last_picked() const override { return picked_; }
  void clear() override;
  [[nodiscard]] size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::shared_ptr<const CachedName> name;
    std::shared_ptr<const Host> host;
    uint64_t version = 0;  // of the name's addresses
  };
  using Entries = std::unordered_map<const CachedName*, Entry>;

  Entry& entry_of(const std::shared_ptr<const CachedName>& name);
  void renew(Entry& entry);
  void sweep();
  Entries::iterator remove(Entries::iterator entry);

  const DynamicForward& config_;
  Parts parts_;
  DnsCacheView view_;
  Entries entries_;
  std::shared_ptr<const Host> picked_;
  std::string text_;  // of the request's name; kept for its room
  Timer sweep_timer_;
};

}  // namespace remora

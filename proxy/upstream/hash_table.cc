#include "upstream/hash_table.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "core/hash.h"
#include "upstream/host.h"

namespace remora {
namespace {

using Members = std::vector<HashTable::Member>;

/// What stands for a host: its metadata's hash_key, else its name or its address.
std::string_view key_of(const Host& host, bool use_hostname) {
  const auto& endpoint = host.endpoint();
  const MetadataValue* own =
      endpoint.metadata == nullptr ? nullptr : endpoint.metadata->find("envoy.lb", "hash_key");
  const std::string* text = own == nullptr ? nullptr : own->string();
  if (text != nullptr && !text->empty()) return *text;
  return use_hostname ? endpoint.hostname : endpoint.address_text;
}

// ---------------------------------------------------------------------------------------------- ring

/// Points on a circle of 64-bit numbers; a hash belongs to the next point.
class Ring final : public HashTable {
 public:
  Ring(Members members, const ConsistentHash& config);
  [[nodiscard]] size_t find(uint64_t hash, uint32_t attempt) const override;

 private:
  std::vector<uint64_t> points_;  // ascending
  std::vector<uint32_t> owners_;  // of each point, a position in members()
};

/// So many points that the lightest host has a whole number of them, and all together at least the minimum.
double points_wanted(const Members& members, const ConsistentHash& config) {
  double lightest = 1.0;
  for (const auto& member : members) lightest = std::min(lightest, member.weight);
  const double wanted = std::ceil(lightest * static_cast<double>(config.minimum_ring_size)) / lightest;
  return std::min(wanted, static_cast<double>(config.maximum_ring_size));
}

Ring::Ring(Members owned, const ConsistentHash& config) : HashTable(std::move(owned)) {
  const double wanted = points_wanted(members(), config);
  const auto size = static_cast<size_t>(std::ceil(wanted));
  set_size(size);
  std::vector<std::pair<uint64_t, uint32_t>> points;
  points.reserve(size);
  // Running sums: where shares are no whole numbers, the rounding evens out over the hosts.
  double target = 0;
  double placed = 0;
  std::string key;
  for (uint32_t i = 0; i < members().size(); ++i) {
    target += wanted * members()[i].weight;
    key.assign(key_of(*members()[i].host, config.use_hostname)).append("_");
    const size_t stem = key.size();
    uint64_t count = 0;
    for (; placed < target; ++placed, ++count) {
      key.resize(stem);
      key += std::to_string(count);
      points.emplace_back(config.murmur ? murmur_hash2(key) : xx_hash64(key), i);
    }
    note_share(count);
  }
  std::sort(points.begin(), points.end());
  points_.reserve(points.size());
  owners_.reserve(points.size());
  for (const auto& [point, owner] : points) {
    points_.push_back(point);
    owners_.push_back(owner);
  }
}

size_t Ring::find(uint64_t hash, uint32_t attempt) const {
  const auto next = std::lower_bound(points_.begin(), points_.end(), hash);
  const auto at = next == points_.end() ? size_t{0} : static_cast<size_t>(next - points_.begin());
  return owners_[(at + attempt) % owners_.size()];
}

// ---------------------------------------------------------------------------------------------- Maglev

/// A table of fixed size that hosts fill in turns, each in an order of its own. Source: Eisenbud et al.,
/// "Maglev: A Fast and Reliable Software Network Load Balancer", section 3.4.
class Maglev final : public HashTable {
 public:
  Maglev(Members members, const ConsistentHash& config);
  [[nodiscard]] size_t find(uint64_t hash, uint32_t attempt) const override;

 private:
  struct Turn;
  void fill(std::vector<Turn>& turns, double heaviest);
  void put(uint64_t slot, uint32_t owner) { std::memcpy(&owners_[slot * width_], &owner, width_); }

  uint64_t size_;
  size_t width_;                 // bytes of an entry, so that a table of few hosts is small
  std::vector<uint8_t> owners_;  // of each slot, a position in members()
};

/// A host while the table fills.
struct Maglev::Turn {
  uint64_t offset;
  uint64_t skip;
  uint32_t owner;
  double weight;
  double due = 0;  // takes part in a round once its weight, summed over the rounds, is up to this
  uint64_t next = 0;
  uint64_t count = 0;
};

Maglev::Maglev(Members owned, const ConsistentHash& config)
    : HashTable(std::move(owned)),
      size_(config.table_size),
      width_(members().size() <= 0x100     ? 1
             : members().size() <= 0x10000 ? 2
                                           : 4),
      owners_(size_ * width_) {
  // In the order of their keys, so that the order of endpoints does not matter.
  std::vector<std::pair<std::string_view, uint32_t>> order;
  double heaviest = 0;
  for (uint32_t i = 0; i < members().size(); ++i) {
    order.emplace_back(key_of(*members()[i].host, config.use_hostname), i);
    heaviest = std::max(heaviest, members()[i].weight);
  }
  std::sort(order.begin(), order.end());
  std::vector<Turn> turns;
  turns.reserve(order.size());
  for (const auto& [key, i] : order) {
    turns.push_back({xx_hash64(key) % size_, xx_hash64(key, 1) % (size_ - 1) + 1, i, members()[i].weight});
  }
  set_size(size_);
  fill(turns, heaviest);
  for (const auto& turn : turns) note_share(turn.count);
}

void Maglev::fill(std::vector<Turn>& turns, double heaviest) {
  std::vector<bool> taken(size_);
  uint64_t filled = 0;
  for (uint32_t round = 1; filled < size_; ++round) {
    for (auto& turn : turns) {
      if (filled == size_) return;
      if (round * turn.weight < turn.due) continue;
      turn.due += heaviest;
      const auto slot = [&] { return (turn.offset + turn.skip * turn.next) % size_; };
      while (taken[slot()]) ++turn.next;
      taken[slot()] = true;
      put(slot(), turn.owner);
      ++turn.next;
      ++turn.count;
      ++filled;
    }
  }
}

size_t Maglev::find(uint64_t hash, uint32_t attempt) const {
  // Another attempt changes nearly every bit, so that it is unlikely to meet the same host.
  if (attempt > 0) hash ^= ~uint64_t{0} - attempt + 1;
  uint32_t owner = 0;
  std::memcpy(&owner, &owners_[(hash % size_) * width_], width_);
  return owner;
}

}  // namespace

void HashTable::note_share(uint64_t count) {
  spread_.fewest = std::min(spread_.fewest, count);
  spread_.most = std::max(spread_.most, count);
}

std::shared_ptr<const HashTable> HashTable::make(const std::vector<const Host*>& hosts,
                                                 const ConsistentHash& config) {
  uint64_t sum = 0;
  for (const Host* host : hosts) sum += host->weight();
  Members members;
  members.reserve(hosts.size());
  for (const Host* host : hosts) {
    members.push_back({host, static_cast<double>(host->weight()) / static_cast<double>(sum)});
  }
  return of(std::move(members), config);
}

std::shared_ptr<const HashTable> HashTable::of(std::vector<Member> members, const ConsistentHash& config) {
  if (members.empty()) return nullptr;
  if (config.maglev) return std::make_shared<const Maglev>(std::move(members), config);
  return std::make_shared<const Ring>(std::move(members), config);
}

}  // namespace remora

#include "remora/core/stats.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <unordered_set>

namespace remora {
namespace {

/// Adds where only one thread writes: no locked instruction.
void bump(std::atomic<uint64_t>& value, uint64_t n) {
  value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

}  // namespace

/// Counts by exact status, a page per class, made when the class is first seen: most scopes see two or three.
struct StatBlock::StatusCounts {
  static constexpr size_t kPage = 100;
  using Page = std::array<std::atomic<uint64_t>, kPage>;
  static constexpr size_t kPages = 10;

  ~StatusCounts() {
    for (auto& page : pages) delete page.load(std::memory_order_relaxed);
  }
  std::array<std::atomic<Page*>, kPages> pages{};
};

SharedText::SharedText(std::string_view text) {
  static std::mutex mutex;
  static auto& texts = *new std::unordered_set<std::string>;  // never freed: scopes may outlive statics
  const std::lock_guard lock(mutex);
  text_ = &*texts.emplace(text).first;
}

StatBlock::StatBlock(StatSchema schema) : size_(static_cast<uint32_t>(schema.size())) {
  pages_ = std::make_unique<std::atomic<Value*>[]>(page_count());
  for (uint32_t i = 0; i < size_; ++i) {
    if (schema[i].kind == StatKind::kHistogram) histogram_slots_ = i + 1;
  }
}

StatBlock::~StatBlock() {
  for (size_t i = 0; i < page_count(); ++i) delete[] pages_[i].load(std::memory_order_relaxed);
  if (auto* histograms = histograms_.load(std::memory_order_relaxed)) {
    for (size_t i = 0; i < histogram_slots_; ++i) delete histograms[i].load(std::memory_order_relaxed);
    delete[] histograms;
  }
  delete statuses_.load(std::memory_order_relaxed);
}

StatBlock::Value* StatBlock::make_page(size_t number) {
  assert(number < page_count());
  auto* page = new Value[std::min(kPageSize, size_ - number * kPageSize)]();
  pages_[number].store(page, std::memory_order_release);
  return page;
}

void StatBlock::record(size_t stat, uint64_t value) {
  assert(stat < histogram_slots_);
  auto* histograms = histograms_.load(std::memory_order_relaxed);
  if (histograms == nullptr) {
    histograms = new std::atomic<Histogram*>[histogram_slots_] {};
    histograms_.store(histograms, std::memory_order_release);
  }
  Histogram* histogram = histograms[stat].load(std::memory_order_relaxed);
  if (histogram == nullptr) {
    histogram = new Histogram;
    histograms[stat].store(histogram, std::memory_order_release);
  }
  histogram->record(value);
}

void StatBlock::count_status(uint16_t status) {
  const size_t number = status / StatusCounts::kPage;
  if (number >= StatusCounts::kPages) return;
  StatusCounts* counts = statuses_.load(std::memory_order_relaxed);
  if (counts == nullptr) {
    counts = new StatusCounts;
    statuses_.store(counts, std::memory_order_release);
  }
  StatusCounts::Page* page = counts->pages[number].load(std::memory_order_relaxed);
  if (page == nullptr) {
    page = new StatusCounts::Page{};
    counts->pages[number].store(page, std::memory_order_release);
  }
  bump((*page)[status % StatusCounts::kPage], 1);
}

const Histogram* StatBlock::histogram(size_t stat) const {
  const auto* histograms = histograms_.load(std::memory_order_acquire);
  if (histograms == nullptr || stat >= histogram_slots_) return nullptr;
  return histograms[stat].load(std::memory_order_acquire);
}

void StatBlock::each_status(const std::function<void(uint16_t, uint64_t)>& visit) const {
  const StatusCounts* counts = statuses_.load(std::memory_order_acquire);
  if (counts == nullptr) return;
  for (size_t number = 0; number < StatusCounts::kPages; ++number) {
    const StatusCounts::Page* page = counts->pages[number].load(std::memory_order_acquire);
    if (page == nullptr) continue;
    for (size_t i = 0; i < StatusCounts::kPage; ++i) {
      const uint64_t count = (*page)[i].load(std::memory_order_relaxed);
      if (count > 0) visit(static_cast<uint16_t>(number * StatusCounts::kPage + i), count);
    }
  }
}

void StatBlock::reset(StatSchema schema) {
  assert(schema.size() == size_);
  for (size_t i = 0; i < size_; ++i) {
    if (schema[i].kind != StatKind::kCounter) continue;
    if (Value* page = pages_[i / kPageSize].load(std::memory_order_acquire))
      page[i % kPageSize].store(0, std::memory_order_relaxed);
  }
  // Histograms are emptied in place: their thread may be about to record into them.
  auto* histograms = histograms_.load(std::memory_order_acquire);
  for (size_t i = 0; histograms != nullptr && i < histogram_slots_; ++i) {
    if (auto* histogram = histograms[i].load(std::memory_order_acquire)) histogram->clear();
  }
  StatusCounts* counts = statuses_.load(std::memory_order_acquire);
  if (counts == nullptr) return;
  for (auto& page : counts->pages) {
    auto* cells = page.load(std::memory_order_acquire);
    if (cells == nullptr) continue;
    for (auto& cell : *cells) cell.store(0, std::memory_order_relaxed);
  }
}

StatScope::StatScope(StatSchema schema, std::shared_ptr<const ScopeName> name, size_t shards)
    : schema_(schema),
      name_(std::move(name)),
      blocks_(shards) {}

StatScope::~StatScope() {
  for (auto& block : blocks_) delete block.load(std::memory_order_relaxed);
}

StatBlock& StatScope::block(size_t shard) {
  StatBlock* block = blocks_[shard].load(std::memory_order_relaxed);
  if (block == nullptr) {
    block = new StatBlock(schema_);
    blocks_[shard].store(block, std::memory_order_release);
  }
  return *block;
}

uint64_t StatScope::value(size_t stat) const {
  // A gauge that one shard raises and another lowers wraps around in the second; the sum is right again.
  uint64_t sum = 0;
  for (const auto& slot : blocks_) {
    if (const StatBlock* block = slot.load(std::memory_order_acquire)) sum += block->value(stat);
  }
  return sum;
}

HistogramSnapshot StatScope::histogram(size_t stat) const {
  HistogramSnapshot snapshot;
  for (const auto& slot : blocks_) {
    const StatBlock* block = slot.load(std::memory_order_acquire);
    const Histogram* histogram = block == nullptr ? nullptr : block->histogram(stat);
    if (histogram != nullptr) snapshot.add(*histogram);
  }
  return snapshot;
}

std::vector<std::pair<uint16_t, uint64_t>> StatScope::statuses() const {
  std::vector<std::pair<uint16_t, uint64_t>> all;
  for (const auto& slot : blocks_) {
    const StatBlock* block = slot.load(std::memory_order_acquire);
    if (block == nullptr) continue;
    block->each_status([&](uint16_t status, uint64_t count) { all.emplace_back(status, count); });
  }
  std::sort(all.begin(), all.end());
  size_t kept = 0;
  for (const auto& entry : all) {
    if (kept > 0 && all[kept - 1].first == entry.first) {
      all[kept - 1].second += entry.second;
    } else {
      all[kept++] = entry;
    }
  }
  all.resize(kept);
  return all;
}

void StatScope::reset() {
  for (auto& slot : blocks_) {
    if (StatBlock* block = slot.load(std::memory_order_acquire)) block->reset(schema_);
  }
}

std::shared_ptr<StatScope> StatsStore::make_scope(StatSchema schema, ScopeName name) {
  const size_t hash = std::hash<std::string>{}(name.prefix);
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const ScopeName> shared;
  const auto [begin, end] = by_prefix_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    auto live = it->second.lock();
    if (!live || live->name() != name) continue;
    if (live->schema().data() == schema.data()) return live;
    shared = live->name_;
  }
  if (!shared) shared = std::make_shared<const ScopeName>(std::move(name));
  if (scopes_.size() >= sweep_at_) {
    std::erase_if(scopes_, [](const auto& old) { return old.expired(); });
    std::erase_if(by_prefix_, [](const auto& old) { return old.second.expired(); });
    sweep_at_ = std::max<size_t>(64, 2 * scopes_.size());
  }
  auto scope = std::make_shared<StatScope>(schema, std::move(shared), shards_);
  scopes_.push_back(scope);
  by_prefix_.emplace(hash, scope);
  return scope;
}

std::vector<std::shared_ptr<StatScope>> StatsStore::scopes() const {
  std::vector<std::shared_ptr<StatScope>> live;
  const std::lock_guard lock(mutex_);
  live.reserve(scopes_.size());
  for (const auto& entry : scopes_) {
    if (auto scope = entry.lock()) live.push_back(std::move(scope));
  }
  return live;
}

}  // namespace remora

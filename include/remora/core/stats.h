#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace remora {

/// Statistics in three layers, so that a request pays one plain add and 10,000 clusters stay small:
///   StatSchema  the names of a family ("upstream_rq_total", ...), one constant for all clusters
///   StatScope   one instance of a family ("cluster.reviews."), with its tags
///   StatBlock   one worker's values of one scope: written by that worker only, read by anyone
/// A scope's value is the sum over its blocks. Blocks are made when a worker first touches the scope.

enum class StatKind : uint8_t { kCounter, kGauge, kHistogram };

/// One statistic of a family. `name` is what Envoy's /stats shows behind the scope's prefix. Where Envoy
/// takes a part of the name out as a tag for Prometheus (upstream_rq_5xx ->
/// upstream_rq_xx{envoy_response_code_class="5"}), `prometheus_name`, `tag_name` and `tag_value` say so;
/// empty means: the name as it is.
struct StatDef {
  std::string_view name;
  StatKind kind = StatKind::kCounter;
  std::string_view prometheus_name{};
  std::string_view tag_name{};
  std::string_view tag_value{};
};

using StatSchema = std::span<const StatDef>;

/// A text that many scopes have in common: each one is kept once, for as long as the process lives. For what
/// the code itself knows (families of names, names of labels), never for what configurations or clients name.
class SharedText {
 public:
  SharedText() : SharedText(std::string_view()) {}
  SharedText(std::string_view text);                                           // NOLINT: stands for a string
  SharedText(const std::string& text) : SharedText(std::string_view(text)) {}  // NOLINT: as above
  SharedText(const char* text) : SharedText(std::string_view(text)) {}         // NOLINT: as above
  [[nodiscard]] const std::string& str() const { return *text_; }
  operator const std::string&() const { return *text_; }  // NOLINT: stands for a string
  operator std::string_view() const { return *text_; }    // NOLINT: as above
  bool operator==(const SharedText& other) const { return text_ == other.text_; }
  bool operator==(std::string_view other) const { return *text_ == other; }

 private:
  const std::string* text_;
};

struct StatTag {
  SharedText name;
  std::string value;
  bool operator==(const StatTag&) const = default;
};

/// Log-linear histogram: 90 buckets a decade (two significant decimal digits), as Envoy's, so that the bounds
/// operators use (5, 10, 25, ... ms) are exact. Single writer; about 5 KiB, made at the first sample.
class Histogram {
 public:
  static constexpr size_t kDecades = 9;                  // 1 .. 999,999,999
  static constexpr size_t kBuckets = 2 + 90 * kDecades;  // [0,1), the decades, and everything above

  void record(uint64_t value);
  void clear();
  [[nodiscard]] uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t sum() const { return sum_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t bucket(size_t index) const {
    return buckets_[index].load(std::memory_order_relaxed);
  }

  static size_t bucket_of(uint64_t value);
  /// The smallest whole number not below bucket `index`'s lower edge (buckets between whole numbers stay
  /// empty).
  static uint64_t lower_bound(size_t index);

 private:
  std::atomic<uint64_t> count_{0};
  std::atomic<uint64_t> sum_{0};
  std::atomic<uint64_t> buckets_[kBuckets]{};
};

/// The merged view of one histogram over all workers. Value type.
struct HistogramSnapshot {
  uint64_t count = 0;
  uint64_t sum = 0;
  std::vector<uint64_t> buckets;  // kBuckets, or empty when there is no sample

  void add(const Histogram& histogram);
  /// The value below which the share `q` (0..1) of the samples lies, interpolated within a bucket; 0 if
  /// empty.
  [[nodiscard]] double quantile(double q) const;
  /// How many samples lie in buckets that hold nothing above `bound`: Prometheus' cumulative bucket. Exact
  /// for bounds below 100; of larger ones, samples that share their bucket with greater ones (250 with 250 ..
  /// 259) do not count.
  [[nodiscard]] uint64_t at_most(double bound) const;
};

/// One worker's values of one scope. Only its worker writes (plain load and store, no lock prefix);
/// any thread may read. Values are made a page at a time when something in it is first counted: most clusters
/// of a large mesh never see a request on most workers.
class StatBlock {
 public:
  explicit StatBlock(StatSchema schema);
  ~StatBlock();
  StatBlock(const StatBlock&) = delete;
  StatBlock& operator=(const StatBlock&) = delete;

  void add(size_t stat, uint64_t n = 1) {
    auto& value = own(stat);
    value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void sub(size_t stat, uint64_t n = 1) {
    auto& value = own(stat);
    value.store(value.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  void set(size_t stat, uint64_t n) {
    if (n != 0 || pages_[stat / kPageSize].load(std::memory_order_relaxed) != nullptr)
      own(stat).store(n, std::memory_order_relaxed);
  }
  void record(size_t stat, uint64_t value);
  /// Counts one response by its exact status ("upstream_rq_200").
  void count_status(uint16_t status);

  [[nodiscard]] uint64_t value(size_t stat) const {
    const Value* page = pages_[stat / kPageSize].load(std::memory_order_acquire);
    return page == nullptr ? 0 : page[stat % kPageSize].load(std::memory_order_relaxed);
  }
  [[nodiscard]] const Histogram* histogram(size_t stat) const;
  /// Calls `visit(status, count)` for each status counted.
  void each_status(const std::function<void(uint16_t, uint64_t)>& visit) const;
  /// Sets counters and statuses to 0 and drops histograms' samples; gauges keep their value (Envoy's
  /// /reset_counters). From the block's own thread it is exact; from another one, a count made at the same
  /// instant may undo it for its statistic.
  void reset(StatSchema schema);

 private:
  static constexpr size_t kPageSize = 16;
  using Value = std::atomic<uint64_t>;
  struct StatusCounts;

  Value& own(size_t stat) {
    Value* page = pages_[stat / kPageSize].load(std::memory_order_relaxed);
    if (page == nullptr) [[unlikely]]
      page = make_page(stat / kPageSize);
    return page[stat % kPageSize];
  }
  /// Of kPageSize values; the last one of as many as there are.
  Value* make_page(size_t number);
  [[nodiscard]] size_t page_count() const { return (size_ + kPageSize - 1) / kPageSize; }

  std::unique_ptr<std::atomic<Value*>[]> pages_;
  std::atomic<std::atomic<Histogram*>*> histograms_{nullptr};  // by statistic; made at the first sample
  std::atomic<StatusCounts*> statuses_{nullptr};
  uint32_t size_;
  uint32_t histogram_slots_ = 0;  // only up to the last histogram of the schema
};

/// How a scope is named in both worlds: Envoy's dotted text and Prometheus.
struct ScopeName {
  std::string prefix;            ///< "cluster.reviews." (text form)
  SharedText prometheus_prefix;  ///< "envoy_cluster_" (complete; Istio's metrics use "istio_")
  std::vector<StatTag> tags;     ///< {"envoy_cluster_name", "reviews"}
  /// Exact-status counters: text name is <prefix><status_prefix><code>; empty: this scope counts none.
  std::string_view status_prefix{};
  bool operator==(const ScopeName&) const = default;
};

/// One instance of a family. Made by StatsStore on any thread; held by whoever counts into it; gone from the
/// output once the last holder lets go.
class StatScope {
 public:
  StatScope(StatSchema schema, std::shared_ptr<const ScopeName> name, size_t shards);
  ~StatScope();

  /// The block of shard `shard` (0: main thread, 1..N: workers), made on first use. Call from that shard's
  /// thread.
  StatBlock& block(size_t shard);

  [[nodiscard]] const ScopeName& name() const { return *name_; }
  [[nodiscard]] StatSchema schema() const { return schema_; }
  /// The sum over all shards. Any thread.
  [[nodiscard]] uint64_t value(size_t stat) const;
  [[nodiscard]] HistogramSnapshot histogram(size_t stat) const;
  /// Statuses with their counts, ascending. Any thread.
  [[nodiscard]] std::vector<std::pair<uint16_t, uint64_t>> statuses() const;
  void reset();

 private:
  friend class StatsStore;

  StatSchema schema_;
  std::shared_ptr<const ScopeName> name_;  // families of the same name share it
  std::vector<std::atomic<StatBlock*>> blocks_;
};

/// All live scopes of the process. Thread-safe; never touched per request.
class StatsStore {
 public:
  /// `shards`: workers + 1.
  explicit StatsStore(size_t shards) : shards_(shards) {}

  /// The live scope of that schema and name, or a new one: the same name is the same statistic. So a cluster
  /// or listener that replaces an older version of itself goes on counting where that one is.
  std::shared_ptr<StatScope> make_scope(StatSchema schema, ScopeName name);
  /// The live scopes, in order of creation; holding the list keeps them alive.
  [[nodiscard]] std::vector<std::shared_ptr<StatScope>> scopes() const;
  [[nodiscard]] size_t shards() const { return shards_; }

 private:
  size_t shards_;
  mutable std::mutex mutex_;
  std::vector<std::weak_ptr<StatScope>> scopes_;
  std::unordered_multimap<size_t, std::weak_ptr<StatScope>> by_prefix_;  // by the hash of the prefix
  size_t sweep_at_ = 64;
};

}  // namespace remora

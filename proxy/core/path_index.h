#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/ascii.h"
#include "core/byte_trie.h"
#include "core/candidates.h"
#include "core/regex_index.h"
#include "remora/config/route.h"
#include "remora/config/route_table.h"

namespace remora {

struct RouteSearch;

/// The routes of one virtual host, found by path: first match in configuration order, at a cost set by the
/// path's length and not by the number of routes.
///
/// Every path rule becomes one of three questions: is the path this text (hash), does it begin with this text
/// (trie), does it match this expression (one automaton). A path_separated_prefix P is the exact text P plus
/// the prefix P + "/". Each answer is a set of route positions, held as a Bucket. Immutable, any thread.
class PathIndex {
 public:
  /// Keeps pointers into `routes`, which must outlive it and not move. `ignore_parameters`: paths are matched
  /// without what follows a ';' in each segment (ignore_path_parameters_in_path_matching), except by
  /// templates, as in Envoy.
  explicit PathIndex(std::span<const Route> routes, bool ignore_parameters = false);

  /// The position of the first route that matches; Candidates::kNone if none does.
  [[nodiscard]] uint32_t match(const HeaderMap& head, uint64_t random, const RouteFacts& facts) const;

  /// The same search, telling for each route before the result why it did not match, at most `limit` of
  /// them: those whose path did match first.
  uint32_t explain(const HeaderMap& head, uint64_t random, const RouteFacts& facts, size_t limit,
                   RouteSearch& search) const;

  /// Calls `visit(position)` for routes that a text as path, or as what paths begin with, may be taken by:
  /// those of prefixes of the text and of expressions that match it, and with `whole` also those of the text
  /// itself. Routes that another one with the same path makes unreachable may be left out.
  template <typename Visit>
  void each_taker(std::string_view text, bool whole, Visit visit) const;

 private:
  class Builder;

  /// Positions of the routes behind one key. Those with conditions that come after the first without are left
  /// out: they can never win.
  struct Bucket {
    uint32_t bound = Candidates::kNone;  // the first route without conditions
    uint32_t begin = 0;                  // those with conditions: [begin, end) of positions_, ascending
    uint32_t end = 0;
  };

  /// The one search behind match and explain: `holds(position, question)` is asked about routes with
  /// conditions whose path matches, in order, until it says yes.
  template <typename Holds>
  uint32_t find(const HeaderMap& head, uint64_t random, const RouteFacts& facts, Holds holds) const;

  /// Expressions, and the position of each one's route, ascending.
  struct Expressions {
    RegexIndex index;
    std::vector<uint32_t> positions;
  };

  /// What few virtual hosts have; there are many virtual hosts.
  struct Rest {
    absl::flat_hash_map<std::string, uint32_t, FoldedHash, FoldedEqual>
        exact_folded;  // case_sensitive: false
    ByteTrie prefixes_folded;
    Expressions regexes;
    Expressions templates;
  };

  void add(uint32_t bucket, Candidates& candidates) const;
  void add_regexes(const Expressions& expressions, std::string_view path, Candidates& candidates) const;
  void add_paths(std::string_view path, Candidates& candidates) const;

  std::span<const Route> routes_;
  bool ignore_parameters_;
  std::vector<Bucket> buckets_;
  std::vector<uint32_t> positions_;

  absl::flat_hash_map<std::string, uint32_t, TextHash, std::equal_to<>> exact_;
  ByteTrie prefixes_;
  std::unique_ptr<Rest> rest_;            // null: nothing of it
  uint32_t connect_ = Candidates::kNone;  // the bucket of connect_matcher
};

template <typename Visit>
void PathIndex::each_taker(std::string_view text, bool whole, Visit visit) const {
  const auto visit_bucket = [&](uint32_t number, size_t /*length*/) {
    const Bucket& bucket = buckets_[number];
    if (bucket.bound != Candidates::kNone) visit(bucket.bound);
    for (uint32_t i = bucket.begin; i < bucket.end; ++i) visit(positions_[i]);
  };
  prefixes_.walk(
      text.size(), [text](size_t i) { return text[i]; }, visit_bucket);
  if (whole) {
    if (const auto found = exact_.find(text); found != exact_.end()) visit_bucket(found->second, 0);
  }
  if (rest_ == nullptr) return;
  rest_->prefixes_folded.walk(
      text.size(), [text](size_t i) { return ascii_lower(text[i]); }, visit_bucket);
  if (whole) {
    if (const auto found = rest_->exact_folded.find(text); found != rest_->exact_folded.end())
      visit_bucket(found->second, 0);
  }
  std::vector<int> matched;
  for (const Expressions* expressions : {&rest_->regexes, &rest_->templates}) {
    expressions->index.match(text, matched);
    for (const int index : matched) visit(expressions->positions[static_cast<size_t>(index)]);
  }
}

}  // namespace remora

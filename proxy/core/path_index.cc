#include "core/path_index.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/condition_text.h"
#include "core/route_conditions.h"
#include "remora/config/route_search.h"
#include "remora/http/path.h"

namespace remora {
namespace {

/// The path without what follows a ';' in each of its segments. Lives until this thread asks again.
std::string_view without_parameters(std::string_view path) {
  size_t from = path.find(';');
  if (from == std::string_view::npos) return path;
  thread_local std::string kept;
  kept.assign(path.substr(0, from));
  while (from != std::string_view::npos) {
    const size_t slash = path.find('/', from);
    if (slash == std::string_view::npos) break;
    from = path.find(';', slash);
    kept.append(path.substr(slash, from == std::string_view::npos ? from : from - slash));
  }
  return kept;
}

}  // namespace

/// Gathers positions by key, in configuration order, and packs them.
class PathIndex::Builder {
 public:
  explicit Builder(PathIndex& index) : index_(index) {}

  void add(uint32_t position) {
    const PathMatch& path = index_.routes_[position].match.path;
    switch (path.kind) {
      case PathMatch::Kind::kExact: return exact(path.case_sensitive)[path.value].push_back(position);
      case PathMatch::Kind::kPrefix: return prefix(path.case_sensitive)[path.value].push_back(position);
      case PathMatch::Kind::kSeparatedPrefix:
        exact(path.case_sensitive)[path.value].push_back(position);
        return prefix(path.case_sensitive)[path.value + "/"].push_back(position);
      case PathMatch::Kind::kRegex:
        regexes_.push_back(&path.regex);
        return rest().regexes.positions.push_back(position);
      case PathMatch::Kind::kTemplate:
        templates_.push_back(&path.regex);
        return rest().templates.positions.push_back(position);
      case PathMatch::Kind::kConnect: return connect_.push_back(position);
    }
  }

  void finish() {
    for (auto& [path, positions] : exact_[0]) index_.exact_.emplace(path, bucket(positions));
    for (auto& [path, positions] : exact_[1]) rest().exact_folded.emplace(path, bucket(positions));
    index_.prefixes_ = trie(prefixes_[0]);
    if (!prefixes_[1].empty()) rest().prefixes_folded = trie(prefixes_[1]);
    if (!regexes_.empty()) rest().regexes.index = RegexIndex(std::move(regexes_));
    if (!templates_.empty()) rest().templates.index = RegexIndex(std::move(templates_));
    if (!connect_.empty()) index_.connect_ = bucket(connect_);
    index_.buckets_.shrink_to_fit();
    index_.positions_.shrink_to_fit();
  }

 private:
  using Positions = std::vector<uint32_t>;
  using ByText = absl::flat_hash_map<std::string, Positions>;

  Rest& rest() {
    if (index_.rest_ == nullptr) index_.rest_ = std::make_unique<Rest>();
    return *index_.rest_;
  }
  ByText& exact(bool case_sensitive) { return exact_[case_sensitive ? 0 : 1]; }
  ByText& prefix(bool case_sensitive) { return prefixes_[case_sensitive ? 0 : 1]; }

  uint32_t bucket(const Positions& positions) {
    Bucket made;
    made.begin = static_cast<uint32_t>(index_.positions_.size());
    for (const uint32_t position : positions) {
      if (!has_conditions(index_.routes_[position].match)) {
        made.bound = position;
        break;
      }
      index_.positions_.push_back(position);
    }
    made.end = static_cast<uint32_t>(index_.positions_.size());
    index_.buckets_.push_back(made);
    return static_cast<uint32_t>(index_.buckets_.size() - 1);
  }

  ByteTrie trie(ByText& texts) {
    std::vector<ByteTrie::Entry> entries;
    entries.reserve(texts.size());
    for (auto& [text, positions] : texts) entries.emplace_back(text, bucket(positions));
    return ByteTrie(std::move(entries));
  }

  PathIndex& index_;
  ByText exact_[2];  // [1]: folded
  ByText prefixes_[2];
  Positions connect_;
  std::vector<const Regex*> regexes_;
  std::vector<const Regex*> templates_;
};

PathIndex::PathIndex(std::span<const Route> routes, bool ignore_parameters)
    : routes_(routes),
      ignore_parameters_(ignore_parameters) {
  Builder builder(*this);
  for (uint32_t position = 0; position < routes.size(); ++position) builder.add(position);
  builder.finish();
}

void PathIndex::add(uint32_t bucket, Candidates& candidates) const {
  const Bucket& found = buckets_[bucket];
  candidates.add({positions_.data() + found.begin, found.end - found.begin});
  candidates.limit(found.bound);
}

void PathIndex::add_paths(std::string_view path, Candidates& candidates) const {
  if (const auto found = exact_.find(path); found != exact_.end()) add(found->second, candidates);
  const auto visit = [&](uint32_t bucket, size_t /*length*/) { add(bucket, candidates); };
  prefixes_.walk(
      path.size(), [path](size_t i) { return path[i]; }, visit);
  if (rest_ == nullptr) return;
  if (!rest_->exact_folded.empty()) {
    if (const auto found = rest_->exact_folded.find(path); found != rest_->exact_folded.end())
      add(found->second, candidates);
  }
  rest_->prefixes_folded.walk(
      path.size(), [path](size_t i) { return ascii_lower(path[i]); }, visit);
}

void PathIndex::add_regexes(const Expressions& expressions, std::string_view path,
                            Candidates& candidates) const {
  // The dearest question is asked last, and only if an expression comes before what was found already.
  const auto& positions = expressions.positions;
  if (positions.empty() || positions.front() >= candidates.bound()) return;
  thread_local std::vector<int> matched;
  // Two lists may wait at once; what stands in them is used before the next search.
  thread_local std::vector<uint32_t> lists[2];
  std::vector<uint32_t>& conditional = lists[&expressions == &rest_->templates ? 1 : 0];
  conditional.clear();
  expressions.index.match(path, matched);
  for (const int index : matched) {
    const uint32_t position = positions[static_cast<size_t>(index)];
    if (position >= candidates.bound()) break;
    if (has_conditions(routes_[position].match)) {
      conditional.push_back(position);
    } else {
      candidates.limit(position);
    }
  }
  candidates.add(conditional);
}

template <typename Holds>
uint32_t PathIndex::find(const HeaderMap& head, uint64_t random, const RouteFacts& facts, Holds holds) const {
  thread_local std::vector<Candidates::Cursor> scratch;
  Candidates candidates(scratch);
  const PathParts parts = split_path(head.path());
  // A CONNECT request has no path (RFC 9110 section 9.3.6): only connect_matcher sees it then.
  if (connect_ != Candidates::kNone && head.method() == "CONNECT") add(connect_, candidates);
  if (head.has(HeaderId::kPath)) {
    const auto path = ignore_parameters_ ? without_parameters(parts.path) : parts.path;
    add_paths(path, candidates);
    if (rest_ != nullptr) {
      add_regexes(rest_->templates, parts.path, candidates);
      add_regexes(rest_->regexes, path, candidates);
    }
  }
  const RouteQuestion question{head, parts.query, random, facts};
  return candidates.first([&](uint32_t position) { return holds(position, question); });
}

uint32_t PathIndex::match(const HeaderMap& head, uint64_t random, const RouteFacts& facts) const {
  return find(head, random, facts, [this](uint32_t position, const RouteQuestion& question) {
    return conditions_hold(routes_[position].match, question);
  });
}

uint32_t PathIndex::explain(const HeaderMap& head, uint64_t random, const RouteFacts& facts, size_t limit,
                            RouteSearch& search) const {
  std::vector<RouteSearch::Earlier> conditions;  // those whose path matched
  size_t failed = 0;
  const auto holds = [&](uint32_t position, const RouteQuestion& question) {
    auto unmet = first_unmet(routes_[position].match, question);
    if (!unmet) return true;
    if (++failed <= limit) conditions.push_back({position, std::move(*unmet)});
    return false;
  };
  const uint32_t result = find(head, random, facts, holds);

  // All others before the result were no candidates: their path did not match.
  const uint32_t end = std::min(result, static_cast<uint32_t>(routes_.size()));
  size_t room = failed > limit ? 0 : limit - conditions.size();
  const std::string seen = head.has(HeaderId::kPath) ? quoted(split_path(head.path()).path) : "(absent)";
  const std::string method = quoted(head.method());
  auto next = conditions.begin();
  for (uint32_t position = 0; position < end; ++position) {
    if (next != conditions.end() && next->position == position) {
      search.earlier.push_back(std::move(*next++));
    } else if (room > 0 && failed <= limit) {
      const PathMatch& path = routes_[position].match.path;
      const bool connect = path.kind == PathMatch::Kind::kConnect;
      search.earlier.push_back({position, {"path", condition_text(path), connect ? method : seen}});
      --room;
    }
  }
  search.left_out = end - search.earlier.size();
  return result;
}

}  // namespace remora

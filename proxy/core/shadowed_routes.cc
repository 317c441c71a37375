#include "core/shadowed_routes.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "core/ascii.h"
#include "core/path_index.h"
#include "core/route_conditions.h"

namespace remora {
namespace {

using Kind = PathMatch::Kind;

/// With so many earlier routes on one path that have other conditions, the search for one that asks for less
/// ends.
constexpr size_t kMostLookedAt = 64;

// ------------------------------------------------------------------------------------ does one path cover
// another

bool has_letters(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

/// Whether all spellings of `text` (any case, if the later rule ignores it) begin with what `earlier` spells.
bool begins(const PathMatch& earlier, std::string_view start, const PathMatch& later, std::string_view text) {
  if (text.size() < start.size()) return false;
  if (!earlier.case_sensitive) {
    return std::equal(start.begin(), start.end(), text.begin(),
                      [](char folded, char c) { return folded == ascii_lower(c); });
  }
  return text.starts_with(start) && (later.case_sensitive || !has_letters(start));
}

/// Characters that stand for themselves at the beginning of a pattern.
std::string_view plain_start(std::string_view pattern) {
  const auto plain = [](char c) {
    return c == '/' || c == '-' || c == '_' || (c >= '0' && c <= '9') || has_letters({&c, 1});
  };
  size_t length = 0;
  while (length < pattern.size() && plain(pattern[length])) ++length;
  return pattern.substr(0, length);
}

/// The pattern's beginning, where the pattern is plain characters and then ".*".
std::optional<std::string_view> plain_prefix(std::string_view pattern) {
  const auto start = plain_start(pattern);
  return pattern.substr(start.size()) == ".*" ? std::optional(start) : std::nullopt;
}

/// What every path begins with that the rule matches.
std::string beginning_of(const PathMatch& path) {
  if (path.kind != Kind::kRegex && path.kind != Kind::kTemplate) return path.value;
  const std::string_view pattern = path.regex.pattern();
  auto start = plain_start(pattern);
  const char next = start.size() < pattern.size() ? pattern[start.size()] : '.';
  if (!start.empty() && (next == '?' || next == '*' || next == '{')) start.remove_suffix(1);
  if (pattern.find('|') != std::string_view::npos) start = {};  // what follows may be another beginning
  return std::string(start);
}

bool prefix_covers(const PathMatch& earlier, std::string_view prefix, const PathMatch& later) {
  return later.kind != Kind::kConnect && begins(earlier, prefix, later, beginning_of(later));
}

bool separated_covers(const PathMatch& earlier, const PathMatch& later) {
  const std::string below = earlier.value + "/";
  if (later.kind == Kind::kConnect) return false;
  if (begins(earlier, below, later, beginning_of(later))) return true;
  const bool ends_there = later.kind == Kind::kExact || later.kind == Kind::kSeparatedPrefix;
  return ends_there && later.value.size() == earlier.value.size() &&
         begins(earlier, earlier.value, later, later.value);
}

bool regex_covers(const PathMatch& earlier, const PathMatch& later) {
  if (later.kind == Kind::kRegex && later.regex.pattern() == earlier.regex.pattern()) return true;
  if (later.kind == Kind::kExact && (later.case_sensitive || !has_letters(later.value)))
    return earlier.regex.matches(later.value);
  const auto prefix = plain_prefix(earlier.regex.pattern());
  return prefix && prefix_covers(earlier, *prefix, later);
}

/// Whether `earlier` certainly matches every path that `later` matches.
bool path_covers(const PathMatch& earlier, const PathMatch& later) {
  switch (earlier.kind) {
    case Kind::kConnect: return later.kind == Kind::kConnect;
    case Kind::kPrefix: return prefix_covers(earlier, earlier.value, later);
    case Kind::kSeparatedPrefix: return separated_covers(earlier, later);
    case Kind::kRegex: return later.kind != Kind::kTemplate && regex_covers(earlier, later);
    case Kind::kTemplate: return later.kind == Kind::kTemplate && later.value == earlier.value;
    case Kind::kExact:
      return later.kind == Kind::kExact && later.value.size() == earlier.value.size() &&
             begins(earlier, earlier.value, later, later.value);
  }
  return false;
}

// ------------------------------------------------------------------------------------ do conditions cover
// others

/// Writes values so that two different ones never read the same.
class Spelling {
 public:
  Spelling& add(std::string_view text) {
    text_ += std::to_string(text.size());
    text_ += ':';
    text_ += text;
    return *this;
  }
  template <typename Number>
  Spelling& number(Number value) {
    return add(std::to_string(value));
  }
  Spelling& add(const StringMatcher& matcher) {
    return number(static_cast<int>(matcher.kind))
        .number(matcher.ignore_case)
        .add(matcher.value)
        .add(matcher.regex.pattern());
  }
  Spelling& add(const ValueMatcher& matcher) {  // NOLINT: as deep as translated, which is bounded
    number(static_cast<int>(matcher.kind)).number(matcher.flag).number(matcher.from).number(matcher.to);
    add(matcher.string).number(matcher.any.size());
    for (const auto& one : matcher.any) add(one);
    return *this;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string spelled(const HeaderMatcher& matcher) {
  Spelling spelling;
  spelling.add("header").add(matcher.name).number(static_cast<int>(matcher.kind)).number(matcher.present);
  spelling.add(matcher.string).number(matcher.range_start).number(matcher.range_end);
  return spelling.number(matcher.invert).number(matcher.treat_missing_as_empty).take();
}

std::string spelled(const QueryMatcher& matcher) {
  Spelling spelling;
  spelling.add("query").add(matcher.name).number(matcher.any_value).number(matcher.present);
  return spelling.add(matcher.string).take();
}

std::string spelled(const MetadataMatcher& matcher) {
  Spelling spelling;
  spelling.add("metadata").add(matcher.filter).number(matcher.path.size());
  for (const auto& step : matcher.path) spelling.add(step);
  return spelling.add(matcher.value).number(matcher.invert).take();
}

/// A route's conditions but the fraction, as a sorted set.
std::vector<std::string> spelled(const RouteMatch& match) {
  std::vector<std::string> all;
  for (const auto& matcher : match.headers) all.push_back(spelled(matcher));
  for (const auto& matcher : match.query_parameters) all.push_back(spelled(matcher));
  for (const auto& matcher : match.dynamic_metadata) all.push_back(spelled(matcher));
  if (match.grpc) all.emplace_back("grpc");
  std::ranges::sort(all);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

/// Requests that the later fraction takes, the earlier one takes: both look at the same random value.
bool fraction_covers(const Rare<RuntimeFraction>& earlier, const Rare<RuntimeFraction>& later) {
  if (!earlier || earlier->value.numerator >= earlier->value.denominator) return true;
  return later && later->value.denominator == earlier->value.denominator &&
         later->value.numerator <= earlier->value.numerator;
}

class Search {
 public:
  Search(std::span<const Route> routes, const PathIndex& index) : routes_(routes), index_(index) {
    conditions_.reserve(routes.size());
    for (const Route& route : routes) conditions_.push_back(spelled(route.match));
  }

  std::vector<ShadowedRoute> run() {
    std::vector<ShadowedRoute> found;
    for (uint32_t position = 0; position < routes_.size(); ++position) {
      if (const auto by = find(position)) found.push_back({position, *by});
    }
    return found;
  }

 private:
  /// The first earlier route that takes all that this one could match, among those that the index and equal
  /// spellings suggest.
  std::optional<uint32_t> find(uint32_t position) {
    const PathMatch& path = routes_[position].match.path;
    std::optional<uint32_t> by;
    size_t conditional = 0;
    const auto suggest = [&](uint32_t earlier) {
      if (earlier >= position || (by && *by <= earlier)) return;
      if (!conditions_[earlier].empty() && ++conditional > kMostLookedAt) return;
      if (covers(earlier, position)) by = earlier;
    };
    if (const auto [same, fresh] = by_spelling_.try_emplace(spelling_of(position), position); !fresh)
      suggest(same->second);
    if (path.kind != Kind::kConnect) {
      const bool separated = path.kind == Kind::kSeparatedPrefix;
      index_.each_taker(beginning_of(path) + (separated ? "/" : ""), path.kind == Kind::kExact, suggest);
    }
    return by;
  }

  [[nodiscard]] bool covers(uint32_t earlier, uint32_t later) const {
    const RouteMatch& first = routes_[earlier].match;
    const RouteMatch& second = routes_[later].match;
    return path_covers(first.path, second.path) &&
           fraction_covers(first.runtime_fraction, second.runtime_fraction) &&
           std::ranges::includes(conditions_[later], conditions_[earlier]);
  }

  [[nodiscard]] size_t spelling_of(uint32_t position) const {
    const PathMatch& path = routes_[position].match.path;
    Spelling spelling;
    spelling.number(static_cast<int>(path.kind)).number(path.case_sensitive).add(path.value);
    spelling.add(path.regex.pattern());
    for (const auto& condition : conditions_[position]) spelling.add(condition);
    return absl::Hash<std::string>{}(spelling.take());
  }

  std::span<const Route> routes_;
  const PathIndex& index_;
  std::vector<std::vector<std::string>> conditions_;
  /// The first route of each spelling, by its hash: what it suggests is looked at closely.
  absl::flat_hash_map<size_t, uint32_t> by_spelling_;
};

}  // namespace

std::vector<ShadowedRoute> find_shadowed(std::span<const Route> routes, const PathIndex& index) {
  if (routes.size() < 2) return {};
  return Search(routes, index).run();
}

}  // namespace remora

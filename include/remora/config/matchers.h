#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "remora/core/result.h"
#include "remora/http/header_map.h"

namespace re2 {
class RE2;
}

namespace remora {

class FilterState;
struct Metadata;
struct MetadataValue;

/// A compiled regular expression: RE2, full match. Immutable, shared by all workers.
class Regex {
 public:
  Regex() = default;
  /// Error: RE2's message, or that the program exceeds `max_program_size` (Envoy's guard against hostile
  /// patterns).
  static Result<Regex> compile(std::string_view pattern, int max_program_size = kMaxProgramSize);

  [[nodiscard]] bool matches(std::string_view text) const;
  /// Replaces every match by `substitution` (\0..\9 name groups): Envoy's regex_rewrite.
  [[nodiscard]] std::string replace_all(std::string_view text, std::string_view substitution) const;
  [[nodiscard]] const std::string& pattern() const;
  bool operator==(const Regex&) const = default;  // the same compiled program

  static constexpr int kMaxProgramSize = 10000;

 private:
  std::shared_ptr<const re2::RE2> program_;
};

/// Source: envoy.type.matcher.v3.StringMatcher.
struct StringMatcher {
  enum class Kind : uint8_t { kExact, kPrefix, kSuffix, kContains, kRegex };
  Kind kind = Kind::kExact;
  std::string value;         // lower-cased when ignore_case
  bool ignore_case = false;  // not for kRegex
  Regex regex;

  [[nodiscard]] bool matches(std::string_view text) const;
};

/// Source: envoy.config.route.v3.HeaderMatcher. A repeated header is matched value by value: the rule holds
/// if one value matches, an inverted rule if none does. Joined into one text, as Envoy did before 1.39, a
/// second value would hide the first from a rule that is to refuse it (CVE-2026-26308).
struct HeaderMatcher {
  enum class Kind : uint8_t { kPresent, kString, kRange };
  std::string name;  // lower-case; pseudo headers as ":method"
  HeaderId id = HeaderId::kOther;
  Kind kind = Kind::kPresent;
  bool present = true;  // kPresent: false asks for absence
  StringMatcher string;
  int64_t range_start = 0;  // kRange: start <= value < end
  int64_t range_end = 0;
  bool invert = false;
  bool treat_missing_as_empty = false;

  [[nodiscard]] bool matches(const HeaderMap& headers) const;

 private:
  [[nodiscard]] bool value_matches(std::string_view value) const;  // without `invert`
};

/// Source: envoy.config.route.v3.QueryParameterMatcher. The first value of a repeated parameter counts.
struct QueryMatcher {
  std::string name;
  bool any_value = true;  // present_match; otherwise `string`
  bool present = true;    // any_value: false asks for absence
  StringMatcher string;

  /// `query` is what follows '?' in the path. Values are compared as they stand, not percent-decoded, as in
  /// Envoy.
  [[nodiscard]] bool matches(std::string_view query) const;
};

/// Source: envoy.type.matcher.v3.ValueMatcher.
struct ValueMatcher {
  enum class Kind : uint8_t { kNull, kNumber, kString, kBool, kPresent, kOneOf, kOr };
  Kind kind = Kind::kPresent;
  bool flag = true;  ///< kBool: the value; kPresent: false never matches
  double from = 0;   ///< kNumber: from <= value < to, or exactly `from` where both are equal
  double to = 0;
  StringMatcher string;
  std::vector<ValueMatcher> any;  ///< kOr: one of them; kOneOf: an element of the list that the first matches

  [[nodiscard]] bool matches(const MetadataValue& value) const;
};

/// Source: envoy.type.matcher.v3.MetadataMatcher. What filters have found out about a request
/// (ExchangeInfo::dynamic_metadata), where the namespace and the path lead to a value.
struct MetadataMatcher {
  std::string filter;
  std::vector<std::string> path;
  ValueMatcher value;
  bool invert = false;  ///< then it holds as well where there is no value

  /// `metadata` may be null: there is none.
  [[nodiscard]] bool matches(const Metadata* metadata) const;
  /// What the path leads to; null: nothing is there.
  [[nodiscard]] const MetadataValue* find(const Metadata* metadata) const;
};

/// Source: envoy.type.matcher.v3.FilterStateMatcher, of which texts can be asked. A request for which no
/// filter has set the object never matches.
struct FilterStateMatcher {
  std::string key;
  StringMatcher string;

  /// `state` may be null: there is none.
  [[nodiscard]] bool matches(const FilterState* state) const;
};

/// A share of requests: numerator out of denominator (100, 10,000 or 1,000,000).
struct Fraction {
  uint32_t numerator = 0;
  uint32_t denominator = 100;
  /// `random`: any 64-bit number, the same for every question about one request (Envoy's stable random
  /// value).
  [[nodiscard]] bool includes(uint64_t random) const { return random % denominator < numerator; }
};

/// A fraction whose value a runtime key may override.
struct RuntimeFraction {
  std::string runtime_key;
  Fraction value;
};

}  // namespace remora

#include "config_values.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/type/matcher/v3/string.pb.h"
#include "envoy/type/v3/percent.pb.h"

namespace remora::filters {
namespace {

constexpr uint32_t kTenThousand = 10'000;
constexpr uint32_t kMillion = 1'000'000;

std::string runtime_text(const std::string& key, const FilterFactoryContext& context) {
  if (key.empty() || context.runtime == nullptr) return {};
  const auto found = context.runtime->find(key);
  return found == context.runtime->end() ? std::string() : found->second;
}

std::optional<double> runtime_number(const std::string& key, const FilterFactoryContext& context) {
  const std::string text = runtime_text(key, context);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::max(number, 0.0);
}

StringMatcher plain(StringMatcher::Kind kind, const std::string& value, bool ignore_case) {
  StringMatcher out;
  out.kind = kind;
  out.value = value;
  out.ignore_case = ignore_case;
  if (ignore_case) {
    for (char& c : out.value) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return out;
}

}  // namespace

Fraction to_fraction(const envoy::type::v3::FractionalPercent& percent) {
  using Proto = envoy::type::v3::FractionalPercent;
  switch (percent.denominator()) {
    case Proto::TEN_THOUSAND: return {percent.numerator(), kTenThousand};
    case Proto::MILLION: return {percent.numerator(), kMillion};
    default: return {percent.numerator(), 100};
  }
}

Fraction to_fraction(const envoy::config::core::v3::RuntimeFractionalPercent& percent,
                     const FilterFactoryContext& context) {
  const std::string& key = percent.runtime_key();
  if (const auto whole = runtime_number(key, context))
    return {static_cast<uint32_t>(std::min(*whole, 100.0)), 100};
  if (const auto numerator = runtime_number(key + ".numerator", context)) {
    const std::string denominator = runtime_text(key + ".denominator", context);
    return {static_cast<uint32_t>(std::min(*numerator, double{UINT32_MAX})),
            denominator == "TEN_THOUSAND" ? kTenThousand
            : denominator == "MILLION"    ? kMillion
                                          : 100};
  }
  return to_fraction(percent.default_value());
}

StringMatcher to_string_matcher(const envoy::type::matcher::v3::StringMatcher& matcher,
                                const std::string& path, ConfigReport& report) {
  using Proto = envoy::type::matcher::v3::StringMatcher;
  using Kind = StringMatcher::Kind;
  const bool ignore_case = matcher.ignore_case();
  switch (matcher.match_pattern_case()) {
    case Proto::kExact: return plain(Kind::kExact, matcher.exact(), ignore_case);
    case Proto::kPrefix: return plain(Kind::kPrefix, matcher.prefix(), ignore_case);
    case Proto::kSuffix: return plain(Kind::kSuffix, matcher.suffix(), ignore_case);
    case Proto::kContains: return plain(Kind::kContains, matcher.contains(), ignore_case);
    default: break;
  }
  if (ignore_case) report.error(path + ".ignore_case", "has no meaning for safe_regex; write (?i) in it");
  StringMatcher out = plain(Kind::kRegex, matcher.safe_regex().regex(), false);
  auto compiled = Regex::compile(out.value);
  if (compiled.ok()) {
    out.regex = std::move(*compiled);
  } else {
    report.error(path + ".safe_regex.regex", compiled.error().message);
  }
  return out;
}

}  // namespace remora::filters

#include "translate/matchers.h"

#include "translate/values.h"

namespace remora::xds {
namespace {

using ProtoHeaderMatcher = envoy::config::route::v3::HeaderMatcher;

StringMatcher plain(StringMatcher::Kind kind, const std::string& value) {
  StringMatcher out;
  out.kind = kind;
  out.value = value;
  return out;
}

StringMatcher regex(const envoy::type::matcher::v3::RegexMatcher& matcher, std::string_view field,
                    Context& context) {
  const auto scope = context.in(field);
  StringMatcher out;
  out.kind = StringMatcher::Kind::kRegex;
  out.value = matcher.regex();
  out.regex = to_regex(matcher, context);
  return out;
}

/// The older spellings of a header's string match, still sent by many control planes.
StringMatcher header_string(const ProtoHeaderMatcher& matcher, Context& context) {
  using Kind = StringMatcher::Kind;
  switch (matcher.header_match_specifier_case()) {
    case ProtoHeaderMatcher::kExactMatch: return plain(Kind::kExact, matcher.exact_match());
    case ProtoHeaderMatcher::kPrefixMatch: return plain(Kind::kPrefix, matcher.prefix_match());
    case ProtoHeaderMatcher::kSuffixMatch: return plain(Kind::kSuffix, matcher.suffix_match());
    case ProtoHeaderMatcher::kContainsMatch: return plain(Kind::kContains, matcher.contains_match());
    case ProtoHeaderMatcher::kSafeRegexMatch:
      return regex(matcher.safe_regex_match(), "safe_regex_match", context);
    default: break;
  }
  const auto scope = context.in("string_match");
  return to_string_matcher(matcher.string_match(), context);
}

}  // namespace

Regex to_regex(const envoy::type::matcher::v3::RegexMatcher& matcher, Context& context) {
  auto compiled = Regex::compile(matcher.regex());
  if (compiled.ok()) return std::move(*compiled);
  context.error("regex", compiled.error().message);
  return {};
}

StringMatcher to_string_matcher(const envoy::type::matcher::v3::StringMatcher& matcher, Context& context) {
  using Proto = envoy::type::matcher::v3::StringMatcher;
  using Kind = StringMatcher::Kind;
  StringMatcher out;
  switch (matcher.match_pattern_case()) {
    case Proto::kExact: out = plain(Kind::kExact, matcher.exact()); break;
    case Proto::kPrefix: out = plain(Kind::kPrefix, matcher.prefix()); break;
    case Proto::kSuffix: out = plain(Kind::kSuffix, matcher.suffix()); break;
    case Proto::kContains: out = plain(Kind::kContains, matcher.contains()); break;
    case Proto::kSafeRegex:
      if (matcher.ignore_case())
        context.error("ignore_case", "has no meaning for safe_regex; write (?i) in it");
      return regex(matcher.safe_regex(), "safe_regex", context);
    default: return out;
  }
  out.ignore_case = matcher.ignore_case();
  if (out.ignore_case) out.value = lower(out.value);
  return out;
}

HeaderMatcher to_header_matcher(const ProtoHeaderMatcher& matcher, Context& context) {
  HeaderMatcher out;
  out.name = lower(matcher.name());
  out.id = header_id(out.name);
  out.invert = matcher.invert_match();
  out.treat_missing_as_empty = matcher.treat_missing_header_as_empty();
  switch (matcher.header_match_specifier_case()) {
    case ProtoHeaderMatcher::HEADER_MATCH_SPECIFIER_NOT_SET: break;  // asks for presence
    case ProtoHeaderMatcher::kPresentMatch: out.present = matcher.present_match(); break;
    case ProtoHeaderMatcher::kRangeMatch:
      out.kind = HeaderMatcher::Kind::kRange;
      out.range_start = matcher.range_match().start();
      out.range_end = matcher.range_match().end();
      break;
    default: out.kind = HeaderMatcher::Kind::kString; out.string = header_string(matcher, context);
  }
  return out;
}

QueryMatcher to_query_matcher(const envoy::config::route::v3::QueryParameterMatcher& matcher,
                              Context& context) {
  QueryMatcher out;
  out.name = matcher.name();
  if (matcher.has_string_match()) {
    const auto scope = context.in("string_match");
    out.any_value = false;
    out.string = to_string_matcher(matcher.string_match(), context);
  } else if (matcher.has_present_match()) {
    out.present = matcher.present_match();
  }
  return out;
}

}  // namespace remora::xds

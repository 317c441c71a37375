#include "envoy/type/matcher/v3/value.pb.h"
#include "translate/matchers.h"

namespace remora::xds {
namespace {

using ProtoValueMatcher = envoy::type::matcher::v3::ValueMatcher;
using Kind = ValueMatcher::Kind;

ValueMatcher to_value_matcher(const ProtoValueMatcher& matcher, Context& context);

void set_number(const envoy::type::matcher::v3::DoubleMatcher& matcher, ValueMatcher& out) {
  out.kind = Kind::kNumber;
  const bool range = matcher.has_range();
  out.from = range ? matcher.range().start() : matcher.exact();
  out.to = range ? matcher.range().end() : matcher.exact();
}

void set_or(const envoy::type::matcher::v3::OrMatcher& matcher, Context& context, ValueMatcher& out) {
  const auto scope = context.in("or_match");
  out.kind = Kind::kOr;
  for (int i = 0; i < matcher.value_matchers_size(); ++i) {
    const auto item = context.in("value_matchers", i);
    out.any.push_back(to_value_matcher(matcher.value_matchers(i), context));
  }
}

ValueMatcher to_value_matcher(const ProtoValueMatcher& matcher, Context& context) {
  ValueMatcher out;
  switch (matcher.match_pattern_case()) {
    case ProtoValueMatcher::kNullMatch: out.kind = Kind::kNull; break;
    case ProtoValueMatcher::kDoubleMatch: set_number(matcher.double_match(), out); break;
    case ProtoValueMatcher::kStringMatch: {
      const auto scope = context.in("string_match");
      out.kind = Kind::kString;
      out.string = to_string_matcher(matcher.string_match(), context);
      break;
    }
    case ProtoValueMatcher::kBoolMatch:
      out.kind = Kind::kBool;
      out.flag = matcher.bool_match();
      break;
    case ProtoValueMatcher::kListMatch: {
      const auto scope = context.in("list_match");
      const auto inner = context.in("one_of");
      out.kind = Kind::kOneOf;
      out.any.push_back(to_value_matcher(matcher.list_match().one_of(), context));
      break;
    }
    case ProtoValueMatcher::kOrMatch: set_or(matcher.or_match(), context, out); break;
    default: out.flag = matcher.present_match();
  }
  return out;
}

}  // namespace

MetadataMatcher to_metadata_matcher(const envoy::type::matcher::v3::MetadataMatcher& matcher,
                                    Context& context) {
  MetadataMatcher out;
  out.filter = matcher.filter();
  for (const auto& segment : matcher.path()) out.path.push_back(segment.key());
  const auto scope = context.in("value");
  out.value = to_value_matcher(matcher.value(), context);
  out.invert = matcher.invert();
  return out;
}

}  // namespace remora::xds

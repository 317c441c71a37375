#pragma once

#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/type/matcher/v3/metadata.pb.h"
#include "envoy/type/matcher/v3/regex.pb.h"
#include "envoy/type/matcher/v3/string.pb.h"
#include "remora/config/matchers.h"
#include "translate/context.h"

namespace remora::xds {

/// Matchers. The context stands at the message; errors are recorded under its fields.

Regex to_regex(const envoy::type::matcher::v3::RegexMatcher& matcher, Context& context);
StringMatcher to_string_matcher(const envoy::type::matcher::v3::StringMatcher& matcher, Context& context);
HeaderMatcher to_header_matcher(const envoy::config::route::v3::HeaderMatcher& matcher, Context& context);
QueryMatcher to_query_matcher(const envoy::config::route::v3::QueryParameterMatcher& matcher,
                              Context& context);
MetadataMatcher to_metadata_matcher(const envoy::type::matcher::v3::MetadataMatcher& matcher,
                                    Context& context);

}  // namespace remora::xds

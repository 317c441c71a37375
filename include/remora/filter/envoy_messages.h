#pragma once

#include <memory>
#include <string>
#include <vector>

#include "remora/config/demand.h"
#include "remora/config/report.h"
#include "remora/config/route.h"
#include "remora/filter/registry.h"

namespace envoy {
namespace config::common::mutation_rules::v3 {
class HeaderMutation;
}
namespace config::core::v3 {
class ConfigSource;
class DataSource;
class HeaderValueOption;
class SubstitutionFormatString;
}  // namespace config::core::v3
namespace config::route::v3 {
class HeaderMatcher;
class RouteMatch;
}  // namespace config::route::v3
namespace type::matcher::v3 {
class StringMatcher;
}
}  // namespace envoy
namespace google::protobuf {
class Struct;
template <typename Element>
class RepeatedPtrField;
}  // namespace google::protobuf

// Envoy's messages that stand in configurations of filters as well as elsewhere, made into structs for the
// config.cc of a filter. Implemented in xds/translate/for_filters.cc. Findings go to `report` under `path`,
// which is that of the message. Which of a message's fields are implemented was checked before
// (rules_*.cc).
namespace remora {

StringMatcher to_string_matcher(const envoy::type::matcher::v3::StringMatcher& message,
                                const FilterFactoryContext& context, const std::string& path,
                                ConfigReport& report);
HeaderMatcher to_header_matcher(const envoy::config::route::v3::HeaderMatcher& message,
                                const FilterFactoryContext& context, const std::string& path,
                                ConfigReport& report);
RouteMatch to_route_match(const envoy::config::route::v3::RouteMatch& message,
                          const FilterFactoryContext& context, const std::string& path, ConfigReport& report);
/// Error: a header that no mutation may touch.
HeaderMutation to_header_mutation(const envoy::config::core::v3::HeaderValueOption& message,
                                  const FilterFactoryContext& context, const std::string& path,
                                  ConfigReport& report);
/// A text with operators. Errors: one that does not parse; JSON.
Format to_format(const envoy::config::core::v3::SubstitutionFormatString& message,
                 const FilterFactoryContext& context, const std::string& path, ConfigReport& report);
/// The list stands at `path`.
std::vector<HeaderEdit> to_header_edits(
    const google::protobuf::RepeatedPtrField<envoy::config::common::mutation_rules::v3::HeaderMutation>& list,
    const FilterFactoryContext& context, const std::string& path, ConfigReport& report);
MetadataValue::Object to_metadata(const google::protobuf::Struct& message);
/// The bytes that it names. Errors: an unreadable file, an unset variable.
std::string to_bytes(const envoy::config::core::v3::DataSource& message, const FilterFactoryContext& context,
                     const std::string& path, ConfigReport& report);

/// Where a filter has resources fetched from on demand (FilterWorker::demand): the field `source` of what
/// stands at `path`. Errors: no source at all, or
/// one that cannot be asked for single resources (a file, a stream that is not delta); then null.
std::shared_ptr<const DemandSource> to_demand_source(const envoy::config::core::v3::ConfigSource& message,
                                                     const FilterFactoryContext& context,
                                                     const std::string& path, ConfigReport& report);

}  // namespace remora

#include "translate/field_rules.h"

namespace remora::xds {

/// Filters whose messages are checked here; those without rules say themselves what they read.
std::span<const MessageRules> filter_rules() {
  constexpr std::string_view kNoExchange = "metadata is not exchanged over TCP";
  static const MessageRules kRules[] = {
      {.message = "envoy.tcp.metadataexchange.config.MetadataExchange",
       .implemented = "protocol",
       .no_effect = {{"enable_discovery additional_labels", kNoExchange}}},
      {.message = "envoy.extensions.filters.http.cors.v3.Cors", .implemented = ""},
      {.message = "envoy.extensions.filters.http.cors.v3.CorsPolicy",
       .implemented = "allow_origin_string_match allow_methods allow_headers expose_headers max_age "
                      "allow_credentials filter_enabled shadow_enabled allow_private_network_access "
                      "forward_not_matching_preflights"},
  };
  return kRules;
}

}  // namespace remora::xds

#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace remora::xds {

/// What this build does with the fields of one message type. Every field that no line names is refused when
/// it is set.
struct MessageRules {
  struct NoEffect {
    std::string_view fields;  // space-separated
    std::string_view reason;  // why it cannot change behaviour here
  };
  struct Only {
    std::string_view field;
    std::string_view value;  // the one value that this build does anyway: "false", "0", "V3", "0s"
  };
  std::string_view message;      // full name; a type that has no rules is refused as a whole
  std::string_view implemented;  // space-separated; messages in them are checked in turn
  /// Implemented, and checked by whoever reads them, because the rules depend on where the message stands.
  std::string_view checked_by_reader{};
  std::vector<NoEffect> no_effect{};
  std::vector<Only> only{};
};

/// The declarative statement of what Remora implements, by area. docs/supported-fields.md is generated from
/// it.
std::span<const MessageRules> bootstrap_rules();
std::span<const MessageRules> listener_rules();
std::span<const MessageRules> route_rules();
std::span<const MessageRules> filter_rules();
std::span<const MessageRules> cluster_rules();
std::span<const MessageRules> tls_rules();
std::span<const MessageRules> common_rules();

}  // namespace remora::xds

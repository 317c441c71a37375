#pragma once

#include <optional>
#include <string>

#include "remora/config/matchers.h"
#include "remora/filter/registry.h"

namespace google::protobuf {
class Duration;
}
namespace envoy {
namespace config::core::v3 {
class RuntimeDouble;
class RuntimeFeatureFlag;
class RuntimeFractionalPercent;
class RuntimePercent;
class RuntimeUInt32;
}  // namespace config::core::v3
namespace type::v3 {
class FractionalPercent;
}
}  // namespace envoy

// Values that the messages of several filters hold, for their config.cc.
namespace remora::filters {

Fraction to_fraction(const envoy::type::v3::FractionalPercent& percent);
/// The runtime's value for the key, if it has one, else the default.
Fraction to_fraction(const envoy::config::core::v3::RuntimeFractionalPercent& percent,
                     const FilterFactoryContext& context);

// As above, the runtime's value or else the default: on or off; a number; a percentage as a share, 0 .. 1,
// where the runtime's counts only from 0 to 100; a whole number.
bool to_flag(const envoy::config::core::v3::RuntimeFeatureFlag& flag, const FilterFactoryContext& context);
double to_number(const envoy::config::core::v3::RuntimeDouble& number, const FilterFactoryContext& context);
double to_share(const envoy::config::core::v3::RuntimePercent& percent, const FilterFactoryContext& context);
uint32_t to_whole_number(const envoy::config::core::v3::RuntimeUInt32& number,
                         const FilterFactoryContext& context);

/// Cut to whole milliseconds.
Milliseconds to_milliseconds(const google::protobuf::Duration& duration);

/// A number of the runtime, at least 0; nullopt when the key is empty, absent or not a number.
std::optional<double> runtime_number(const std::string& key, const FilterFactoryContext& context);
/// A share of the runtime: a percentage, or a numerator with its denominator.
std::optional<Fraction> runtime_fraction(const std::string& key, const FilterFactoryContext& context);

}  // namespace remora::filters

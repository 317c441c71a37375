#pragma once

#include <string>

#include "remora/config/matchers.h"
#include "remora/config/report.h"
#include "remora/filter/registry.h"

namespace envoy {
namespace config::core::v3 {
class RuntimeFractionalPercent;
}
namespace type::matcher::v3 {
class StringMatcher;
}
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

/// Errors go to `report` under `path`: an expression that RE2 does not take.
StringMatcher to_string_matcher(const envoy::type::matcher::v3::StringMatcher& matcher,
                                const std::string& path, ConfigReport& report);

}  // namespace remora::filters

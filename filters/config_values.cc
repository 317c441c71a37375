#include "config_values.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/type/v3/percent.pb.h"
#include "google/protobuf/duration.pb.h"

namespace remora::filters {
namespace {

constexpr uint32_t kTenThousand = 10'000;
constexpr uint32_t kMillion = 1'000'000;

std::string runtime_text(const std::string& key, const FilterFactoryContext& context) {
  if (key.empty() || context.runtime == nullptr) return {};
  const auto found = context.runtime->find(key);
  return found == context.runtime->end() ? std::string() : found->second;
}

}  // namespace

Milliseconds to_milliseconds(const google::protobuf::Duration& duration) {
  return Milliseconds(duration.seconds() * 1000 + duration.nanos() / 1'000'000);
}

std::optional<double> runtime_number(const std::string& key, const FilterFactoryContext& context) {
  const std::string text = runtime_text(key, context);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::max(number, 0.0);
}

std::optional<Fraction> runtime_fraction(const std::string& key, const FilterFactoryContext& context) {
  if (const auto whole = runtime_number(key, context))
    return Fraction{static_cast<uint32_t>(std::min(*whole, 100.0)), 100};
  const auto numerator = runtime_number(key + ".numerator", context);
  if (!numerator) return std::nullopt;
  const std::string denominator = runtime_text(key + ".denominator", context);
  return Fraction{static_cast<uint32_t>(std::min(*numerator, double{UINT32_MAX})),
                  denominator == "TEN_THOUSAND" ? kTenThousand
                  : denominator == "MILLION"    ? kMillion
                                                : 100};
}

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
  if (const auto fraction = runtime_fraction(percent.runtime_key(), context)) return *fraction;
  return to_fraction(percent.default_value());
}

bool to_flag(const envoy::config::core::v3::RuntimeFeatureFlag& flag, const FilterFactoryContext& context) {
  const std::string text = runtime_text(flag.runtime_key(), context);
  if (text == "true" || text == "false") return text == "true";
  return flag.default_value().value();
}

double to_number(const envoy::config::core::v3::RuntimeDouble& number, const FilterFactoryContext& context) {
  return runtime_number(number.runtime_key(), context).value_or(number.default_value());
}

double to_share(const envoy::config::core::v3::RuntimePercent& percent, const FilterFactoryContext& context) {
  const auto given = runtime_number(percent.runtime_key(), context);
  return (given && *given <= 100 ? *given : percent.default_value().value()) / 100;
}

uint32_t to_whole_number(const envoy::config::core::v3::RuntimeUInt32& number,
                         const FilterFactoryContext& context) {
  const auto given = runtime_number(number.runtime_key(), context);
  return given ? static_cast<uint32_t>(std::min(*given, double{UINT32_MAX})) : number.default_value();
}

}  // namespace remora::filters

#include "translate/balancer_settings.h"

#include <cmath>
#include <cstdlib>
#include <string>

namespace remora::xds {
namespace {

using google::protobuf::Value;

constexpr std::string_view kPeakEwmaType = "remora.load_balancing_policies.v1.PeakEwma";
constexpr std::string_view kPrequalType = "remora.load_balancing_policies.v1.Prequal";
constexpr uint32_t kPrequalChoices = 5;

/// "2s", "0.03s": a Duration as JSON writes it.
void read_duration(const Value& value, const std::string& key, Milliseconds& out, Context& context) {
  const std::string& text = value.string_value();
  char* end = nullptr;
  const double seconds = text.empty() ? -1 : std::strtod(text.c_str(), &end);
  const bool whole = end != nullptr && *end == 's' && end[1] == '\0';
  const double milliseconds = std::floor(seconds * 1000);
  if (!whole || !(milliseconds >= 1) || milliseconds > 86400000) {
    context.error(key, "must be a duration from 0.001s to 86400s");
    return;
  }
  out = Milliseconds(static_cast<int64_t>(milliseconds));
}

void read_count(const Value& value, const std::string& key, uint32_t& out, Context& context) {
  const double number = value.number_value();
  if (number >= 2 && number <= 16 && number == std::floor(number)) {
    out = static_cast<uint32_t>(number);
  } else {
    context.error(key, "must be a whole number from 2 to 16");
  }
}

void read_quantile(const Value& value, const std::string& key, double& out, Context& context) {
  const double number = value.number_value();
  if (value.kind_case() == Value::kNumberValue && number >= 0 && number <= 1) {
    out = number;
  } else {
    context.error(key, "must be a number from 0 to 1");
  }
}

void read_settings(const google::protobuf::Struct& fields, bool prequal, LatencyAware& out,
                   Context& context) {
  for (const auto& [key, value] : fields.fields()) {
    if (key == "decay") {
      read_duration(value, key, out.decay, context);
    } else if (key == "default_latency") {
      read_duration(value, key, out.default_latency, context);
    } else if (key == "failure_latency") {
      read_duration(value, key, out.failure_latency, context);
    } else if (key == "choice_count") {
      read_count(value, key, out.choice_count, context);
    } else if (key == "hot_quantile" && prequal) {
      read_quantile(value, key, out.hot_quantile, context);
    } else {
      context.error(key, "is not implemented by this build");
    }
  }
}

}  // namespace

BalancerSettings& edit_balancer(ClusterConfig& out) {
  auto own = std::make_shared<BalancerSettings>(out.balancer ? *out.balancer : BalancerSettings());
  auto& settings = *own;
  out.balancer = std::move(own);
  return settings;
}

bool set_latency_aware(const TypedConfig& config, Context& context, ClusterConfig& out) {
  const bool prequal = config.type_name() == kPrequalType;
  if (!config.is_struct || (!prequal && config.type_name() != kPeakEwmaType)) return false;
  google::protobuf::Struct fields;
  fields.ParseFromString(config.bytes);
  out.lb_policy = prequal ? LbPolicy::kPrequal : LbPolicy::kPeakEwma;
  auto& latency = edit_balancer(out).latency;
  if (prequal) latency.choice_count = kPrequalChoices;
  const auto scope = context.in("value");
  read_settings(fields, prequal, latency, context);
  return true;
}

}  // namespace remora::xds

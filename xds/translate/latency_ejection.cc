#include "remora/config/latency_ejection.h"

#include <cmath>
#include <string>

#include "translate/cluster.h"
#include "translate/our_metadata.h"

namespace remora::xds {
namespace {

using google::protobuf::Value;

/// One number of the settings.
class Number {
 public:
  Number(const std::string& key, const Value& value, Context& context)
      : key_(key),
        value_(value),
        context_(context) {}

  void between(double least, double most, double& out) const {
    const double number = value_.number_value();
    if (value_.kind_case() == Value::kNumberValue && number > least && number < most) {
      out = number;
    } else {
      context_.error(key_, "must be a number above " + std::to_string(static_cast<int>(least)) +
                               " and below " + std::to_string(static_cast<int>(most)));
    }
  }
  template <typename T>
  void whole(uint32_t least, uint32_t most, T& out) const {
    const double number = value_.number_value();
    if (value_.kind_case() == Value::kNumberValue && number >= least && number <= most &&
        number == std::floor(number)) {
      out = T(static_cast<uint32_t>(number));
    } else {
      context_.error(key_,
                     "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    }
  }

 private:
  const std::string& key_;
  const Value& value_;
  Context& context_;
};

bool read_setting(const std::string& key, const Number& number, LatencyEjection& out) {
  constexpr uint32_t kMost = 1'000'000'000;
  if (key == "factor") {
    number.between(1, 1000, out.factor);
  } else if (key == "percentile") {
    number.between(0, 100, out.percentile);
  } else if (key == "minimum_latency_ms") {
    number.whole(0, kMost, out.minimum_latency);
  } else if (key == "minimum_hosts") {
    number.whole(2, kMost, out.minimum_hosts);
  } else if (key == "request_volume") {
    number.whole(1, kMost, out.request_volume);
  } else if (key == "enforcing") {
    number.whole(0, 100, out.enforcing);
  } else {
    return false;
  }
  return true;
}

}  // namespace

void set_latency_ejection(const envoy::config::cluster::v3::Cluster& cluster, Context& context,
                          ClusterConfig& out) {
  each_of_ours(cluster.metadata(), context, [&](const std::string& name, const Value& value) {
    if (name != "latency_ejection") return false;
    const auto scope = context.in(name);
    auto latency = std::make_shared<LatencyEjection>();
    each_member(value, context, [&](const std::string& key, const Value& member) {
      return read_setting(key, Number(key, member, context), *latency);
    });
    if (out.outlier) {
      out.outlier->latency = std::move(latency);
    } else {
      context.error(
          "needs outlier_detection, which says when hosts are judged and for how long they are ejected");
    }
    return true;
  });
}

}  // namespace remora::xds

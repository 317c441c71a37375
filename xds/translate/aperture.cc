#include "translate/aperture.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <cmath>
#include <string>

namespace remora::xds {
namespace {

using envoy::config::cluster::v3::LoadBalancingPolicy;
using google::protobuf::Struct;
using google::protobuf::Value;

constexpr std::string_view kType = "remora.load_balancing_policies.v1.Aperture";
constexpr uint32_t kMost = 1'000'000;

void read_number(const std::string& key, const Value& value, uint32_t least, uint32_t& out,
                 Context& context) {
  const double number = value.number_value();
  if (value.kind_case() == Value::kNumberValue && number >= least && number <= kMost &&
      number == std::floor(number)) {
    out = static_cast<uint32_t>(number);
  } else {
    context.error(key,
                  "must be a whole number from " + std::to_string(least) + " to " + std::to_string(kMost));
  }
}

void read_name(const std::string& key, const Value& value, std::string& out, Context& context) {
  out = value.string_value();
  if (out.empty()) context.error(key, "must be the name of a cluster");
}

/// A Struct is what JSON says, so it is read as JSON.
std::optional<LoadBalancingPolicy> read_policy(const std::string& key, const Value& value, Context& context) {
  LoadBalancingPolicy policy;
  std::string json;
  auto status = google::protobuf::util::MessageToJsonString(value, &json);
  if (status.ok()) status = google::protobuf::util::JsonStringToMessage(json, &policy);
  if (status.ok()) return policy;
  context.error(key, std::string(status.message()));
  return std::nullopt;
}

void check_peers(const Struct& value, const Aperture& settings, Context& context) {
  const auto has = [&](const char* key) { return value.fields().contains(key); };
  if (has("peer_id") != has("num_peers"))
    return context.error("peer_id and num_peers are there together, or not at all");
  if (!has("num_peers")) return;
  if (settings.peer >= settings.peers)
    context.error("peer_id", "must be below num_peers: peers begin with 0");
  if (has("peers_cluster")) context.error("peers_cluster", "cannot stand beside num_peers");
}

}  // namespace

bool is_aperture(const TypedConfig& config) { return config.is_struct && config.type_name() == kType; }

AperturePolicy read_aperture(const TypedConfig& config, Context& context) {
  AperturePolicy out;
  Struct value;
  value.ParseFromString(config.bytes);
  for (const auto& [key, field] : value.fields()) {
    if (key == "hosts") {
      read_number(key, field, 1, out.settings.hosts, context);
    } else if (key == "peer_id") {
      read_number(key, field, 0, out.settings.peer, context);
    } else if (key == "num_peers") {
      read_number(key, field, 1, out.settings.peers, context);
    } else if (key == "peers_cluster") {
      read_name(key, field, out.settings.peers_cluster, context);
    } else if (key == "endpoint_picking_policy") {
      out.picking = read_policy(key, field, context);
    } else {
      context.error(key, "is not implemented by this build");
    }
  }
  check_peers(value, out.settings, context);
  return out;
}

}  // namespace remora::xds

#include "ctl/route_source.h"

#include <google/protobuf/util/json_util.h>

#include <boost/json.hpp>

#include "translate/yaml_document.h"

namespace remora::ctl {
namespace {

namespace json = boost::json;
using envoy::config::route::v3::RouteConfiguration;

/// Routes lie about a dozen levels deep in a bootstrap; documents that nest further are not for us.
constexpr int kMaxDepth = 32;

Result<RouteConfiguration> parse(json::value value, const std::string& origin) {
  value.as_object().erase("@type");
  RouteConfiguration out;
  const auto status = google::protobuf::util::JsonStringToMessage(json::serialize(value), &out);
  if (status.ok()) return out;
  return Error{origin + ": " + std::string(status.message())};
}

void collect(const json::value& value, int depth,
             std::vector<const json::value*>& found) {  // NOLINT: bounded
  if (depth > kMaxDepth) return;
  if (value.is_array()) {
    for (const json::value& item : value.get_array()) collect(item, depth + 1, found);
    return;
  }
  if (!value.is_object()) return;
  for (const auto& member : value.get_object()) {
    const bool named = member.key() == "route_config" || member.key() == "routeConfig";
    if (named && member.value().is_object()) {
      found.push_back(&member.value());
    } else {
      collect(member.value(), depth + 1, found);
    }
  }
}

}  // namespace

Result<std::vector<RouteConfiguration>> route_configurations(const std::string& text,
                                                             const std::string& origin) {
  auto document = xds::parse_yaml(text, origin);
  if (!document.ok()) return std::move(document).error();
  boost::system::error_code failed;
  const json::value root = json::parse(xds::to_json(*document), failed);
  if (failed || !root.is_object()) return Error{origin + ": is no object"};
  std::vector<const json::value*> found;
  if (root.get_object().contains("virtual_hosts") || root.get_object().contains("virtualHosts")) {
    found.push_back(&root);
  } else {
    collect(root, 0, found);
  }
  if (found.empty()) return Error{origin + ": has no route configuration"};
  std::vector<RouteConfiguration> out;
  for (const json::value* one : found) {
    auto config = parse(*one, origin);
    if (!config.ok()) return std::move(config).error();
    out.push_back(std::move(*config));
  }
  return out;
}

}  // namespace remora::ctl

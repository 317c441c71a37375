#include <fmt/format.h>

#include "admin/admin_view.h"
#include "admin/commands.h"
#include "admin/json_writer.h"

namespace remora::admin {
namespace {

constexpr std::string_view kHotRestartVersion = "disabled";  // this build has no hot restart

std::string seconds(uint64_t n) { return std::to_string(n) + "s"; }

std::string_view mode_name(Options::Mode mode) {
  switch (mode) {
    case Options::Mode::kValidate: return "Validate";
    case Options::Mode::kInitOnly: return "InitOnly";
    case Options::Mode::kServe: break;
  }
  return "Serve";
}

void write_options(JsonWriter& json, const Options& options) {
  json.begin_object();
  json.member("base_id", std::to_string(options.base_id));
  json.member("concurrency", options.concurrency);
  json.member("config_path", options.config_path);
  json.member("config_yaml", options.config_yaml);
  json.member("allow_unknown_static_fields", options.allow_unknown_static_fields);
  json.member("reject_unknown_dynamic_fields", options.reject_unknown_dynamic_fields);
  json.member("ignore_unknown_dynamic_fields", options.ignore_unknown_dynamic_fields);
  json.member("admin_address_path", options.admin_address_path);
  json.member("log_level", options.log_level);
  json.member("component_log_level", options.component_log_level);
  json.member("log_format", options.log_format);
  json.member("log_path", options.log_path);
  json.member("service_cluster", options.service_cluster);
  json.member("service_node", options.service_node);
  json.member("service_zone", options.service_zone);
  json.member("file_flush_interval", fmt::format("{:g}s", options.file_flush_interval_msec / 1000.0));
  json.member("drain_time", seconds(options.drain_time_s));
  json.member("drain_strategy",
              options.drain_strategy == Options::DrainStrategy::kGradual ? "Gradual" : "Immediate");
  json.member("parent_shutdown_time", seconds(options.parent_shutdown_time_s));
  json.member("mode", mode_name(options.mode));
  json.member("disable_hot_restart", options.disable_hot_restart);
  json.member("restart_epoch", options.restart_epoch);
  json.end_object();
}

void write_metadata(JsonWriter& json, const MetadataValue& value);

void write_object(JsonWriter& json, const MetadataValue::Object& object) {
  json.begin_object();
  for (const auto& [key, member] : object) {
    json.key(key);
    write_metadata(json, member);
  }
  json.end_object();
}

void write_metadata(JsonWriter& json, const MetadataValue& value) {
  if (const auto* object = value.object()) {
    write_object(json, *object);
  } else if (const auto* list = std::get_if<MetadataValue::List>(&value.value)) {
    json.begin_array();
    for (const MetadataValue& item : *list) write_metadata(json, item);
    json.end_array();
  } else if (const auto* text = value.string()) {
    json.value(*text);
  } else if (const auto* number = std::get_if<double>(&value.value)) {
    json.value(*number);
  } else if (const auto* flag = std::get_if<bool>(&value.value)) {
    json.value(*flag);
  } else {
    json.null();
  }
}

void write_node(JsonWriter& json, const NodeInfo& node) {
  json.begin_object();
  json.member("id", node.id);
  json.member("cluster", node.cluster);
  if (!node.metadata.empty()) {
    json.key("metadata");
    write_object(json, node.metadata);
  }
  if (node.locality != Locality{}) {
    json.key("locality");
    json.begin_object();
    json.member("region", node.locality.region);
    json.member("zone", node.locality.zone);
    json.member("sub_zone", node.locality.sub_zone);
    json.end_object();
  }
  json.member("user_agent_name", "remora");
  json.end_object();
}

}  // namespace

Response server_info(const Request&, AdminSources& sources) {
  const AdminServerInfo info = sources.view.server_info();
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.member("version", info.version);
  json.member("state", server_state_name(info.state));
  json.member("uptime_current_epoch", seconds(info.uptime_s));
  json.member("uptime_all_epochs", seconds(info.uptime_s));
  json.member("hot_restart_version", kHotRestartVersion);
  if (info.options != nullptr) {
    json.key("command_line_options");
    write_options(json, *info.options);
  }
  if (info.node != nullptr) {
    json.key("node");
    write_node(json, *info.node);
  }
  json.end_object();
  return Response::json(std::move(body));
}

Response hot_restart_version(const Request&, AdminSources&) {
  return Response::text(std::string(kHotRestartVersion));
}

}  // namespace remora::admin

#include "admin/admin_view.h"
#include "admin/commands.h"
#include "admin/json_address.h"
#include "admin/json_writer.h"
#include "admin/process_memory.h"

namespace remora::admin {
namespace {

void write_listener(JsonWriter& json, const AdminListener& listener) {
  json.begin_object();
  json.member("name", listener.name);
  json.key("local_address");
  write_address(json, listener.local_address);
  if (!listener.additional_addresses.empty()) {
    json.key("additional_local_addresses");
    json.begin_array();
    for (const Address& address : listener.additional_addresses) write_address(json, address);
    json.end_array();
  }
  json.end_object();
}

Response listeners_json(const std::vector<AdminListener>& all) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  if (!all.empty()) {
    json.key("listener_statuses");
    json.begin_array();
    for (const AdminListener& listener : all) write_listener(json, listener);
    json.end_array();
  }
  json.end_object();
  return Response::json(std::move(body));
}

}  // namespace

Response listeners(const Request& request, AdminSources& sources) {
  const std::vector<AdminListener> all = sources.view.listeners();
  if (request.parameter("format") == "json") return listeners_json(all);
  std::string body;
  for (const AdminListener& listener : all) {
    body += listener.name + "::" + listener.local_address.to_string() + '\n';
    for (const Address& address : listener.additional_addresses) {
      body += listener.name + "::" + address.to_string() + '\n';
    }
  }
  return Response::text(std::move(body));
}

Response ready(const Request&, AdminSources& sources) {
  const ServerState state = sources.view.server_info().state;
  return Response::text(std::string(server_state_name(state)) + '\n',
                        state == ServerState::kLive ? 200 : 503);
}

Response runtime(const Request&, AdminSources& sources) {
  const auto& values = sources.view.runtime();
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.key("entries");
  json.begin_object();
  for (const auto& [key, value] : values) {
    json.key(key);
    json.begin_object();
    json.member("final_value", value);
    json.key("layer_values");
    json.begin_array();
    json.value(value);
    json.end_array();
    json.end_object();
  }
  json.end_object();
  json.key("layers");
  json.begin_array();
  if (!values.empty()) json.value("static_layer");
  json.end_array();
  json.end_object();
  return Response::json(std::move(body));
}

Response memory(const Request&, AdminSources&) {
  const ProcessMemory now = process_memory();
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.member("allocated", std::to_string(now.allocated));
  json.member("heap_size", std::to_string(now.heap_size));
  json.member("pageheap_unmapped", "0");
  json.member("pageheap_free", std::to_string(now.heap_free));
  json.member("total_thread_cache", "0");
  json.member("total_physical_bytes", std::to_string(now.resident));
  json.end_object();
  return Response::json(std::move(body));
}

Response init_dump(const Request&, AdminSources& sources) {
  const std::vector<UnreadyTargets> unready = sources.view.unready_targets();
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  if (!unready.empty()) {
    json.key("unready_targets_dumps");
    json.begin_array();
    for (const UnreadyTargets& manager : unready) {
      json.begin_object();
      json.member("name", "init manager " + manager.manager);
      json.key("target_names");
      json.begin_array();
      for (const std::string& target : manager.targets) json.value(target);
      json.end_array();
      json.end_object();
    }
    json.end_array();
  }
  json.end_object();
  return Response::json(std::move(body));
}

Response config_dump(const Request& request, AdminSources& sources) {
  ConfigSource::DumpQuery query;
  query.resource = request.parameter("resource").value_or("");
  query.mask = request.parameter("mask").value_or("");
  query.name_regex = request.parameter("name_regex").value_or("");
  query.include_eds = request.has("include_eds");
  Result<std::string> dump = sources.config.config_dump(query);
  if (dump) return Response::json(std::move(dump).value());
  // What is left to go wrong is what was asked for: a field that a dump does not have, a bad mask or
  // expression.
  const bool asked = !query.mask.empty() || !query.name_regex.empty();
  return Response::text(dump.error().message + "\n", query.resource.empty() ? (asked ? 400 : 500) : 404);
}

}  // namespace remora::admin

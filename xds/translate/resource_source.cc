#include "translate/resource_source.h"

#include <filesystem>

#include "translate/values.h"

namespace remora::xds {
namespace {

namespace core = envoy::config::core::v3;

std::string hex(size_t number) {
  char text[2 * sizeof(number) + 1];
  return {text, static_cast<size_t>(std::snprintf(text, sizeof(text), "%zx", number))};
}

/// What tells one server from another in keys: its cluster or address, and a hash where more is said.
std::string server_id(const core::GrpcService& server) {
  core::GrpcService plain;
  std::string id;
  if (server.has_envoy_grpc()) {
    id = server.envoy_grpc().cluster_name();
    plain.mutable_envoy_grpc()->set_cluster_name(id);
  } else {
    id = server.google_grpc().target_uri();
    plain.mutable_google_grpc()->set_target_uri(id);
  }
  const std::string bytes = server.SerializeAsString();
  return bytes == plain.SerializeAsString() ? id : id + "#" + hex(std::hash<std::string>{}(bytes));
}

/// Standing at the config source.
void set_server(const core::ApiConfigSource& api, Context& context, ResourceSource& out) {
  const auto scope = context.in("api_config_source");
  out.kind = ResourceSource::Kind::kServer;
  out.is_delta = api.api_type() == core::ApiConfigSource::DELTA_GRPC;
  if (api.api_type() != core::ApiConfigSource::GRPC && !out.is_delta)
    context.unsupported("api_type", core::ApiConfigSource::ApiType_Name(api.api_type()));
  if (api.transport_api_version() == core::V2) context.error("transport_api_version", "must be V3");
  if (api.grpc_services_size() != 1) {
    return context.error("grpc_services",
                         api.grpc_services().empty() ? "is required" : "must have one entry");
  }
  out.server = api.grpc_services(0);
  out.node_on_first_message_only = api.set_node_on_first_message_only();
  out.key = server_id(out.server) + (out.is_delta ? "#delta" : "");
  const auto& check = context.environment().check_grpc_service;
  const auto service = context.in("grpc_services", 0);
  if (check) check(out.server, context);
}

void set_file(const std::string& path, const std::string& watched, Context& context, ResourceSource& out) {
  out.kind = ResourceSource::Kind::kFile;
  out.path = out.key = path;
  out.folder = watched.empty() ? folder_of(path) : watched;
  std::error_code code;
  if (!std::filesystem::exists(path, code)) context.error(path + " does not exist");
}

}  // namespace

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::shared_ptr<const ResourceSource> share(ResourceSource source) {
  static const auto usual = std::make_shared<const ResourceSource>();
  static const auto patient =
      std::make_shared<const ResourceSource>(ResourceSource{.fetch_timeout = Milliseconds(0)});
  if (source.kind == ResourceSource::Kind::kAds) {
    if (source.fetch_timeout == usual->fetch_timeout) return usual;
    if (source.fetch_timeout == patient->fetch_timeout) return patient;
  }
  return std::make_shared<const ResourceSource>(std::move(source));
}

std::string resource_key(const std::string& name, const std::string& source_key) {
  if (!source_key.empty()) return name + "@" + source_key;
  // A plain name, unless it could be taken for another source's.
  return name.find('@') == std::string::npos ? name : name + "@ads";
}

ResourceSource to_resource_source(const core::ConfigSource& source, std::string_view field,
                                  Context& context) {
  const auto scope = context.in(field);
  ResourceSource out;
  if (source.resource_api_version() == core::V2) context.error("resource_api_version", "must be V3");
  if (source.has_initial_fetch_timeout())
    out.fetch_timeout = to_milliseconds(source.initial_fetch_timeout(), "initial_fetch_timeout", context);
  if (source.has_api_config_source()) {
    set_server(source.api_config_source(), context, out);
  } else if (source.has_path_config_source()) {
    const auto at = context.in("path_config_source");
    set_file(source.path_config_source().path(), source.path_config_source().watched_directory().path(),
             context, out);
  } else if (!source.path().empty()) {
    const auto at = context.in("path");
    set_file(source.path(), "", context, out);
  } else if (!source.has_ads() && !source.has_self()) {  // the latter is named with the fields
    context.error("says no source");
  }
  return out;
}

}  // namespace remora::xds

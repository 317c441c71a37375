#include "translate/secret_source.h"

#include <algorithm>
#include <filesystem>

#include "envoy/config/core/v3/config_source.pb.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

namespace core = envoy::config::core::v3;
namespace tls = envoy::extensions::transport_sockets::tls::v3;

constexpr Milliseconds kDefaultFetchTimeout{15000};

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

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
void set_server(const core::ApiConfigSource& api, Context& context, SecretSource& out) {
  const auto scope = context.in("api_config_source");
  out.kind = SecretSource::Kind::kServer;
  if (api.api_type() != core::ApiConfigSource::GRPC)
    context.unsupported("api_type", core::ApiConfigSource::ApiType_Name(api.api_type()));
  if (api.transport_api_version() == core::V2) context.error("transport_api_version", "must be V3");
  if (api.grpc_services_size() != 1) {
    return context.error("grpc_services",
                         api.grpc_services().empty() ? "is required" : "must have one entry");
  }
  out.server = api.grpc_services(0);
  out.node_on_first_message_only = api.set_node_on_first_message_only();
  const auto& check = context.environment().check_grpc_service;
  const auto service = context.in("grpc_services", 0);
  if (check) check(out.server, context);
}

void set_file(const std::string& path, const std::string& watched, Context& context, SecretSource& out) {
  out.kind = SecretSource::Kind::kFile;
  out.path = path;
  out.folders = {watched.empty() ? folder_of(path) : watched};
  std::error_code code;
  if (!std::filesystem::exists(path, code)) context.error(path + " does not exist");
}

SecretSource to_source(const tls::SdsSecretConfig& config, Context& context) {
  SecretSource out;
  out.name = config.name();
  if (!config.has_sds_config()) {
    const auto& known = context.environment().has_static_secret;
    if (known && !known(out.name)) context.error("name", "there is no static secret '" + out.name + "'");
    return out;
  }
  const auto scope = context.in("sds_config");
  const auto& source = config.sds_config();
  if (source.resource_api_version() == core::V2) context.error("resource_api_version", "must be V3");
  if (source.has_ads()) {
    out.kind = SecretSource::Kind::kAds;
  } else if (source.has_api_config_source()) {
    set_server(source.api_config_source(), context, out);
  } else if (source.has_path_config_source()) {
    const auto at = context.in("path_config_source");
    set_file(source.path_config_source().path(), source.path_config_source().watched_directory().path(),
             context, out);
  } else if (!source.path().empty()) {
    const auto at = context.in("path");
    set_file(source.path(), "", context, out);
  }
  return out;
}

std::string key_of(const SecretSource& source) {
  switch (source.kind) {
    case SecretSource::Kind::kStatic: return static_secret_key(source.name);
    case SecretSource::Kind::kServer: return source.name + "@" + server_id(source.server);
    case SecretSource::Kind::kFile: return source.name + "@" + source.path;
    default: break;
  }
  // A plain name, unless it could be taken for another source's.
  return source.name.find('@') == std::string::npos ? source.name : source.name + "@ads";
}

void add(SecretNeed need, SecretNeeds& needs) {
  const auto same = [&](const SecretNeed& other) { return other.key == need.key; };
  if (std::none_of(needs.begin(), needs.end(), same)) needs.push_back(std::move(need));
}

/// The files of a message's DataSources, whatever their fields.
void add_files(const google::protobuf::Message& message, std::vector<std::string>& out) {
  if (message.GetDescriptor()->full_name() == "envoy.config.core.v3.DataSource") {
    const auto& source = static_cast<const core::DataSource&>(message);
    if (source.has_filename()) out.push_back(source.filename());
    return;
  }
  const auto* reflection = message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE || field->is_map()) continue;
    const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      add_files(field->is_repeated() ? reflection->GetRepeatedMessage(message, field, i)
                                     : reflection->GetMessage(message, field),
                out);
    }
  }
}

}  // namespace

std::string static_secret_key(const std::string& name) { return name + "@static"; }

std::string add_secret_need(const tls::SdsSecretConfig& config, Context& context, SecretNeeds& needs) {
  const size_t errors_before = context.report().error_count();
  SecretNeed need{{}, to_source(config, context), kDefaultFetchTimeout};
  if (config.sds_config().has_initial_fetch_timeout()) {
    const auto scope = context.in("sds_config");
    need.fetch_timeout =
        to_milliseconds(config.sds_config().initial_fetch_timeout(), "initial_fetch_timeout", context);
  }
  if (context.report().error_count() != errors_before) return {};
  need.key = key_of(need.source);
  std::string key = need.key;
  add(std::move(need), needs);
  return key;
}

std::string add_watched_secret(ProtoSecret content, std::vector<std::string> folders, SecretNeeds& needs) {
  const std::string key = "files@" + hex(std::hash<std::string>{}(content.SerializeAsString()));
  SecretSource source;
  source.kind = SecretSource::Kind::kWatched;
  source.folders = std::move(folders);
  content.set_name(key);
  source.name = key;
  source.content = std::make_shared<const ProtoSecret>(std::move(content));
  add({key, std::move(source), kDefaultFetchTimeout}, needs);
  return key;
}

std::vector<std::string> watched_folders(const ProtoSecret& secret) {
  std::vector<std::string> files;
  add_files(secret, files);
  if (files.empty()) return {};
  for (const std::string& named : {secret.tls_certificate().watched_directory().path(),
                                   secret.validation_context().watched_directory().path()}) {
    if (!named.empty()) return {named};
  }
  for (std::string& file : files) file = folder_of(file);
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  return files;
}

}  // namespace remora::xds

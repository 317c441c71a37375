#include "translate/secret_source.h"

#include <algorithm>

#include "translate/resource_source.h"

namespace remora::xds {
namespace {

namespace core = envoy::config::core::v3;
namespace tls = envoy::extensions::transport_sockets::tls::v3;

constexpr Milliseconds kDefaultFetchTimeout{15000};

std::string hex(size_t number) {
  char text[2 * sizeof(number) + 1];
  return {text, static_cast<size_t>(std::snprintf(text, sizeof(text), "%zx", number))};
}

SecretSource to_source(const tls::SdsSecretConfig& config, Context& context, Milliseconds& fetch_timeout) {
  SecretSource out;
  out.name = config.name();
  if (!config.has_sds_config()) {
    const auto& known = context.environment().has_static_secret;
    if (known && !known(out.name)) context.error("name", "there is no static secret '" + out.name + "'");
    return out;
  }
  ResourceSource source = to_resource_source(config.sds_config(), "sds_config", context);
  fetch_timeout = source.fetch_timeout;
  out.source_key = source.key;
  switch (source.kind) {
    case ResourceSource::Kind::kAds: out.kind = SecretSource::Kind::kAds; break;
    case ResourceSource::Kind::kServer: {
      out.kind = SecretSource::Kind::kServer;
      const auto scope = context.in("sds_config");
      const auto api = context.in("api_config_source");
      if (source.is_delta) context.unsupported("api_type", "DELTA_GRPC");
      out.server = std::move(source.server);
      out.node_on_first_message_only = source.node_on_first_message_only;
      break;
    }
    case ResourceSource::Kind::kFile:
      out.kind = SecretSource::Kind::kFile;
      out.path = std::move(source.path);
      out.folders = {std::move(source.folder)};
      break;
    case ResourceSource::Kind::kDns: break;  // no config source says so
  }
  return out;
}

std::string key_of(const SecretSource& source) {
  if (source.kind == SecretSource::Kind::kStatic) return static_secret_key(source.name);
  return resource_key(source.name, source.source_key);
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
  SecretNeed need{{}, {}, kDefaultFetchTimeout};
  need.source = to_source(config, context, need.fetch_timeout);
  if (context.report().error_count() != errors_before) return {};
  need.key = key_of(need.source);
  std::string key = need.key;
  add(std::move(need), needs);
  return key;
}

std::string add_watched_secret(ProtoSecret content, std::vector<std::string> folders, SecretNeeds& needs) {
  std::string key = "files@" + hex(std::hash<std::string>{}(content.SerializeAsString()));
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

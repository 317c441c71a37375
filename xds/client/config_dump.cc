#include "client/config_dump.h"

#include "client/redact.h"

#include <google/protobuf/util/field_mask_util.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>

#include "envoy/admin/v3/config_dump.pb.h"
#include "envoy/admin/v3/config_dump_shared.pb.h"
#include "remora/config/matchers.h"

namespace remora::xds {
namespace {

namespace admin = envoy::admin::v3;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

google::protobuf::Timestamp to_timestamp(WallTime time) {
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  return google::protobuf::util::TimeUtil::NanosecondsToTimestamp(nanos);
}

admin::UpdateFailureState to_failure(const RefusedUpdate& refused) {
  admin::UpdateFailureState out;
  *out.mutable_failed_configuration() = refused.record.resource.any();
  *out.mutable_last_update_attempt() = to_timestamp(refused.record.updated);
  out.set_details(refused.details);
  out.set_version_info(refused.record.version);
  return out;
}

/// Chooses resources by ?name_regex=.
class NameFilter {
 public:
  static Result<NameFilter> make(const std::string& pattern) {
    NameFilter out;
    if (pattern.empty()) return out;
    auto regex = Regex::compile(pattern);
    if (!regex.ok()) return Error{"name_regex: " + regex.error().message};
    out.regex_ = std::move(*regex);
    return out;
  }
  [[nodiscard]] bool wants(const std::string& name) const { return !regex_ || regex_->matches(name); }

 private:
  std::optional<Regex> regex_;
};

admin::ClustersConfigDump dump_clusters(const DumpSources& sources, const NameFilter& filter) {
  admin::ClustersConfigDump out;
  out.set_version_info(sources.clusters_version);
  const auto add = [](const ResourceRecord& record, admin::ClustersConfigDump::DynamicCluster& dynamic) {
    dynamic.set_version_info(record.version);
    *dynamic.mutable_cluster() = record.resource.any();
    *dynamic.mutable_last_updated() = to_timestamp(record.updated);
  };
  for (const auto& [name, entry] : sources.store.clusters().entries()) {
    if (!filter.wants(name)) continue;
    if (entry.is_static && entry.active) {
      auto& fixed = *out.add_static_clusters();
      *fixed.mutable_cluster() = entry.active->record.resource.any();
      *fixed.mutable_last_updated() = to_timestamp(entry.active->record.updated);
      continue;
    }
    if (entry.active || (entry.refused && !entry.warming)) {
      auto& active = *out.add_dynamic_active_clusters();
      if (entry.active) add(entry.active->record, active);
      if (entry.refused) *active.mutable_error_state() = to_failure(*entry.refused);
    }
    if (entry.warming) add(entry.warming->record, *out.add_dynamic_warming_clusters());
  }
  return out;
}

admin::ListenersConfigDump dump_listeners(const DumpSources& sources, const NameFilter& filter) {
  admin::ListenersConfigDump out;
  out.set_version_info(sources.listeners_version);
  const auto set = [](const ResourceRecord& record, admin::ListenersConfigDump::DynamicListenerState& state) {
    state.set_version_info(record.version);
    *state.mutable_listener() = record.resource.any();
    *state.mutable_last_updated() = to_timestamp(record.updated);
  };
  for (const auto& [name, entry] : sources.store.listeners().entries()) {
    if (!filter.wants(name)) continue;
    if (entry.is_static && entry.active) {
      auto& fixed = *out.add_static_listeners();
      *fixed.mutable_listener() = entry.active->record.resource.any();
      *fixed.mutable_last_updated() = to_timestamp(entry.active->record.updated);
      continue;
    }
    auto& dynamic = *out.add_dynamic_listeners();
    dynamic.set_name(name);
    if (entry.active) set(entry.active->record, *dynamic.mutable_active_state());
    if (entry.warming) set(entry.warming->record, *dynamic.mutable_warming_state());
    if (entry.refused) *dynamic.mutable_error_state() = to_failure(*entry.refused);
  }
  return out;
}

using ConnectionManager = ProtoConnectionManager;

/// What came, when, and as which version; `content` is the message's place for it.
template <typename Dynamic>
void show(const ResourceRecord& record, Dynamic& dynamic, google::protobuf::Any& content) {
  dynamic.set_version_info(record.version);
  content = record.resource.any();
  *dynamic.mutable_last_updated() = to_timestamp(record.updated);
}

/// The route configurations that stand in a listener.
std::vector<envoy::config::route::v3::RouteConfiguration> inline_routes(const PackedResource& resource) {
  std::vector<envoy::config::route::v3::RouteConfiguration> out;
  envoy::config::listener::v3::Listener listener;
  if (!resource.unpack(listener)) return out;
  if (listener.has_default_filter_chain()) *listener.add_filter_chains() = listener.default_filter_chain();
  for (const auto& chain : listener.filter_chains()) {
    for (const auto& filter : chain.filters()) {
      ConnectionManager manager;
      if (filter.typed_config().UnpackTo(&manager) && manager.has_route_config())
        out.push_back(manager.route_config());
    }
  }
  return out;
}

/// Virtual hosts that came on their own stand in their table, as in Envoy. A refused one shows with its
/// table.
void add_virtual_hosts(const VirtualHostSets::Set& set,
                       admin::RoutesConfigDump::DynamicRouteConfig& dynamic) {
  if (!set.hosts.empty()) {
    envoy::config::route::v3::RouteConfiguration table;
    dynamic.route_config().UnpackTo(&table);
    for (const auto& [name, host] : set.hosts) host.record.resource.unpack(*table.add_virtual_hosts());
    dynamic.mutable_route_config()->PackFrom(table);
  }
  if (set.answered) {
    dynamic.set_version_info(set.version);
    *dynamic.mutable_last_updated() = to_timestamp(set.updated);
  }
  if (!set.refused.empty()) *dynamic.mutable_error_state() = to_failure(set.refused.begin()->second);
}

admin::RoutesConfigDump dump_routes(const DumpSources& sources, const NameFilter& filter) {
  admin::RoutesConfigDump out;
  for (const auto& [name, entry] : sources.store.listeners().entries()) {
    if (!entry.active) continue;
    for (const auto& routes : inline_routes(entry.active->record.resource)) {
      if (!filter.wants(routes.name())) continue;
      auto& fixed = *out.add_static_route_configs();
      fixed.mutable_route_config()->PackFrom(routes);
      *fixed.mutable_last_updated() = to_timestamp(entry.active->record.updated);
    }
  }
  for (const auto& [name, child] : sources.store.routes().entries()) {
    if ((!child.record && !child.refused) || !filter.wants(name)) continue;
    auto& dynamic = *out.add_dynamic_route_configs();
    if (child.record) {
      show(*child.record, dynamic, *dynamic.mutable_route_config());
      if (const auto* set = sources.store.virtual_hosts().find(name)) add_virtual_hosts(*set, dynamic);
    }
    if (child.refused) *dynamic.mutable_error_state() = to_failure(*child.refused);
  }
  return out;
}

admin::EndpointsConfigDump dump_endpoints(const DumpSources& sources, const NameFilter& filter) {
  admin::EndpointsConfigDump out;
  for (const auto& [name, entry] : sources.store.clusters().entries()) {
    if (!entry.active || !entry.active->parent.endpoints || !filter.wants(name)) continue;
    envoy::config::cluster::v3::Cluster cluster;
    if (!entry.active->record.resource.unpack(cluster)) continue;
    auto& fixed = *out.add_static_endpoint_configs();
    fixed.mutable_endpoint_config()->PackFrom(cluster.load_assignment());
    *fixed.mutable_last_updated() = to_timestamp(entry.active->record.updated);
  }
  for (const auto& [name, child] : sources.store.endpoints().entries()) {
    if ((!child.record && !child.refused) || !filter.wants(name)) continue;
    auto& dynamic = *out.add_dynamic_endpoint_configs();
    if (child.record) show(*child.record, dynamic, *dynamic.mutable_endpoint_config());
    if (child.refused) *dynamic.mutable_error_state() = to_failure(*child.refused);
  }
  return out;
}

/// Filters' configurations that came by themselves.
admin::EcdsConfigDump dump_extensions(const DumpSources& sources, const NameFilter& filter) {
  admin::EcdsConfigDump out;
  for (const auto& [key, child] : sources.store.extensions().table().entries()) {
    const auto name = sources.store.origin_of(ResourceType::kExtensions, key).name;
    if ((!child.record && !child.refused) || !filter.wants(name)) continue;
    auto& dynamic = *out.add_ecds_filters();
    if (child.record) show(*child.record, dynamic, *dynamic.mutable_ecds_filter());
    if (child.refused) *dynamic.mutable_error_state() = to_failure(*child.refused);
  }
  return out;
}

admin::SecretsConfigDump dump_secrets(const DumpSources& sources, const NameFilter& filter) {
  admin::SecretsConfigDump out;
  const SecretTable& secrets = sources.store.secrets();
  for (const auto& [key, entry] : secrets.table().entries()) {
    const SecretSource* source = secrets.source_of(key);
    if (source == nullptr || !filter.wants(source->name)) continue;
    if (source->kind == SecretSource::Kind::kStatic) {
      auto& fixed = *out.add_static_secrets();
      fixed.set_name(source->name);
      *fixed.mutable_secret() = entry.record->resource.any();
      *fixed.mutable_last_updated() = to_timestamp(entry.record->updated);
      continue;
    }
    auto& dynamic = entry.value ? *out.add_dynamic_active_secrets() : *out.add_dynamic_warming_secrets();
    dynamic.set_name(source->name);
    dynamic.set_version_info(entry.record ? entry.record->version : "uninitialized");
    if (entry.record) {
      *dynamic.mutable_secret() = entry.record->resource.any();
      *dynamic.mutable_last_updated() = to_timestamp(entry.record->updated);
    }
    if (entry.refused) *dynamic.mutable_error_state() = to_failure(*entry.refused);
  }
  return out;
}

admin::BootstrapConfigDump dump_bootstrap(const DumpSources& sources) {
  admin::BootstrapConfigDump out;
  *out.mutable_bootstrap() = sources.bootstrap.message();
  *out.mutable_last_updated() = to_timestamp(sources.loaded);
  return out;
}

/// The sections, in Envoy's order.
std::vector<std::unique_ptr<Message>> sections(const DumpSources& sources, const NameFilter& filter,
                                               bool include_eds) {
  std::vector<std::unique_ptr<Message>> out;
  out.push_back(std::make_unique<admin::BootstrapConfigDump>(dump_bootstrap(sources)));
  out.push_back(std::make_unique<admin::ClustersConfigDump>(dump_clusters(sources, filter)));
  if (!sources.store.extensions().table().entries().empty())  // as Envoy: once there are any
    out.push_back(std::make_unique<admin::EcdsConfigDump>(dump_extensions(sources, filter)));
  if (include_eds)
    out.push_back(std::make_unique<admin::EndpointsConfigDump>(dump_endpoints(sources, filter)));
  out.push_back(std::make_unique<admin::ListenersConfigDump>(dump_listeners(sources, filter)));
  out.push_back(std::make_unique<admin::RoutesConfigDump>(dump_routes(sources, filter)));
  out.push_back(std::make_unique<admin::SecretsConfigDump>(dump_secrets(sources, filter)));
  for (const auto& section : out) redact(*section);
  return out;
}

Result<google::protobuf::FieldMask> to_mask(const std::string& text) {
  google::protobuf::FieldMask mask;
  google::protobuf::util::FieldMaskUtil::FromString(text, &mask);
  return mask;
}

/// Keeps what the mask names. False: it names nothing of this message.
bool trim(const google::protobuf::FieldMask& mask, Message& message) {
  google::protobuf::FieldMask known;
  for (const std::string& path : mask.paths()) {
    const auto* field = message.GetDescriptor()->FindFieldByName(path.substr(0, path.find('.')));
    if (field != nullptr) known.add_paths(path);
  }
  if (known.paths().empty()) return false;
  google::protobuf::util::FieldMaskUtil::TrimMessage(known, &message);
  return true;
}

/// ?resource=dynamic_active_clusters: the entries of that field instead of whole sections.
bool add_field(const Message& section, const std::string& name, const std::string& mask,
               admin::ConfigDump& dump, std::string& error) {
  const FieldDescriptor* field = section.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr || field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return false;
  const auto* reflection = section.GetReflection();
  const int count = field->is_repeated() ? reflection->FieldSize(section, field) : 1;
  for (int i = 0; i < count; ++i) {
    const Message& entry = field->is_repeated() ? reflection->GetRepeatedMessage(section, field, i)
                                                : reflection->GetMessage(section, field);
    const std::unique_ptr<Message> copy(entry.New());
    copy->CopyFrom(entry);
    if (!mask.empty() && !trim(*to_mask(mask), *copy))
      error = "FieldMask " + mask + " could not be successfully used.";
    dump.add_configs()->PackFrom(*copy);
  }
  return true;
}

Result<std::string> to_json(const admin::ConfigDump& dump) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(dump, &json, options);
  if (!status.ok()) return Error{"cannot be written as JSON: " + std::string(status.message())};
  return json;
}

}  // namespace

Result<std::string> dump_config(const DumpSources& sources, const ConfigSource::DumpQuery& query) {
  auto filter = NameFilter::make(query.name_regex);
  if (!filter.ok()) return std::move(filter).error();
  const auto parts =
      sections(sources, *filter, query.include_eds || query.resource.ends_with("endpoint_configs"));
  admin::ConfigDump dump;
  if (!query.resource.empty()) {
    std::string error;
    bool found = false;
    for (const auto& part : parts) found = add_field(*part, query.resource, query.mask, dump, error) || found;
    if (!found) return Error{query.resource + " not found in config dump"};
    if (!error.empty()) return Error{error};
    return to_json(dump);
  }
  for (const auto& part : parts) {
    if (!query.mask.empty() && !trim(*to_mask(query.mask), *part)) continue;
    dump.add_configs()->PackFrom(*part);
  }
  return to_json(dump);
}

}  // namespace remora::xds

#include "common/workload.h"

#include <array>
#include <initializer_list>

namespace remora::filters {
namespace {

std::string text_of(const MetadataValue::Object& object, std::string_view key) {
  const auto found = object.find(key);
  return found == object.end() ? std::string() : found->second.text();
}

// The first of these labels that is there.
std::string first_of(const MetadataValue::Object& labels, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    if (std::string text = text_of(labels, key); !text.empty()) return text;
  }
  return {};
}

void set_labels(const MetadataValue::Object& labels, Workload& out) {
  out.app = text_of(labels, "app");
  out.version = text_of(labels, "version");
  out.canonical_name = first_of(labels, {"service.istio.io/canonical-name", "app.kubernetes.io/name", "app"});
  out.canonical_revision =
      first_of(labels, {"service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"});
  for (const auto& [key, value] : labels) out.labels.emplace(key, value.text());
}

// Splits "name;namespace;canonical;revision;cluster"; more parts are ignored, fewer are no identity.
bool read_encoded(std::string_view text, Workload& out) {
  const std::array<std::string*, 5> parts = {&out.name, &out.namespace_name, &out.canonical_name,
                                             &out.canonical_revision, &out.cluster};
  for (size_t i = 0; i < parts.size(); ++i) {
    const size_t end = text.find(';');
    *parts[i] = text.substr(0, end);
    if (end == std::string_view::npos) return i + 1 == parts.size();
    text.remove_prefix(end + 1);
  }
  return true;
}

std::string label_of(const Metadata& metadata, std::string_view key) {
  const MetadataValue* value = metadata.find("envoy.lb", key);
  return value == nullptr ? std::string() : value->text();
}

}  // namespace

Workload local_workload(const NodeInfo& node) {
  Workload local;
  local.instance = text_of(node.metadata, "NAME");
  local.name = text_of(node.metadata, "WORKLOAD_NAME");
  local.namespace_name = text_of(node.metadata, "NAMESPACE");
  local.cluster = text_of(node.metadata, "CLUSTER_ID");
  local.owner = text_of(node.metadata, "OWNER");
  const auto labels = node.metadata.find("LABELS");
  if (labels != node.metadata.end() && labels->second.object() != nullptr)
    set_labels(*labels->second.object(), local);
  if (local.canonical_name.empty()) local.canonical_name = local.name;
  return local;
}

std::shared_ptr<const Workload> endpoint_workload(const Metadata& metadata) {
  auto workload = std::make_shared<Workload>();
  const MetadataValue* encoded = metadata.find("istio", "workload");
  const bool known = encoded != nullptr && read_encoded(encoded->text(), *workload);
  if (!known) *workload = Workload();
  workload->app = label_of(metadata, "app");
  workload->version = label_of(metadata, "version");
  if (!known && workload->app.empty() && workload->version.empty()) return nullptr;
  if (workload->app.empty()) workload->app = workload->canonical_name;
  if (workload->version.empty() && workload->canonical_revision != "latest")
    workload->version = workload->canonical_revision;
  return workload;
}

}  // namespace remora::filters

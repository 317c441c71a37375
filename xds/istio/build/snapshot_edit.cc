#include "istio/build/snapshot_edit.h"

#include "istio/build/virtual_hosts.h"

namespace remora::istio {

void add_resource(const google::protobuf::Message& message, const std::string& name, XdsType type,
                  Snapshot& snapshot) {
  snapshot.edit(type).resources.add(encode_resource(message, name));
}

void put_resource(const google::protobuf::Message& message, const std::string& name, XdsType type,
                  Snapshot& snapshot) {
  auto resource = encode_resource(message, name);
  const EncodedResourcePtr& known = snapshot.group(type).resources.get(name);
  if (known != nullptr && known->hash == resource->hash) return;
  snapshot.edit(type).resources.put(std::move(resource));
}

bool replace_resource(const google::protobuf::Message& message, const std::string& name, XdsType type,
                      Snapshot& snapshot) {
  if (!snapshot.group(type).resources.contains(name)) return false;
  put_resource(message, name, type, snapshot);
  return true;
}

bool erase_resource(const std::string& name, XdsType type, Snapshot& snapshot) {
  if (!snapshot.group(type).resources.contains(name)) return false;
  snapshot.edit(type).resources.erase(name);
  return true;
}

void add_note(const ProxyNode& node, std::string path, std::string message, Snapshot& snapshot) {
  snapshot.notes.push_back(
      {Severity::kWarning, "", 0, "proxy " + node.id, std::move(path), std::move(message)});
}

void add_table(envoy::config::route::v3::RouteConfiguration table, const ProxyNode& node,
               Snapshot& snapshot) {
  if (node.vhds) {
    for (const auto& host : take_out_virtual_hosts(table))
      add_resource(host, host.name(), XdsType::kVirtualHost, snapshot);
  }
  add_resource(table, table.name(), XdsType::kRoute, snapshot);
}

void add_layout(Layout layout, const ProxyNode& node, Snapshot& snapshot) {
  for (const auto& listener : layout.listeners)
    add_resource(listener, listener.name(), XdsType::kListener, snapshot);
  for (auto& routes : layout.routes) add_table(std::move(routes), node, snapshot);
  for (const auto& [path, message] : layout.notes) add_note(node, path, message, snapshot);
}

}  // namespace remora::istio

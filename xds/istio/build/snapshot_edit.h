#pragma once

#include <string>

#include "istio/build/intercepted.h"
#include "istio/build/snapshot.h"

namespace remora::istio {

/// Adds a resource to a snapshot that is being made.
void add_resource(const google::protobuf::Message& message, const std::string& name, XdsType type,
                  Snapshot& snapshot);

/// Brings a resource of a snapshot up to date, or adds it. One that says the same stays as it is: who has it
/// is not told.
void put_resource(const google::protobuf::Message& message, const std::string& name, XdsType type,
                  Snapshot& snapshot);

/// put_resource() for what the snapshot has; false: it has no such resource, and gets none.
bool replace_resource(const google::protobuf::Message& message, const std::string& name, XdsType type,
                      Snapshot& snapshot);

/// Whether there was such a resource.
bool erase_resource(const std::string& name, XdsType type, Snapshot& snapshot);

/// What had to be left out for this proxy: `path` says where, `message` why.
void add_note(const ProxyNode& node, std::string path, std::string message, Snapshot& snapshot);

/// A table, whole or with its virtual hosts beside it, as the proxy takes them.
void add_table(envoy::config::route::v3::RouteConfiguration table, const ProxyNode& node, Snapshot& snapshot);

void add_layout(Layout layout, const ProxyNode& node, Snapshot& snapshot);

}  // namespace remora::istio

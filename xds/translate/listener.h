#pragma once

#include <memory>
#include <string>
#include <vector>

#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "remora/config/listener.h"
#include "translate/cluster.h"
#include "translate/context.h"

namespace remora::xds {

struct TranslatedListener {
  std::shared_ptr<const ListenerConfig> config;  // null after an error
  std::string rds_name;                          // the route table it waits for; "" if its routes are inline
  Milliseconds initial_fetch_timeout{0};         // of the RDS source; 0: wait for ever
};

/// Listener -> ListenerConfig. The context stands at the message. `content_hash` names its content.
TranslatedListener translate_listener(const envoy::config::listener::v3::Listener& listener,
                                      const ResourceOrigin& origin, uint64_t content_hash, Context& context);

using ProtoConnectionManager =
    envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

/// What a connection manager says. The context stands at the message.
struct TranslatedConnectionManager {
  std::shared_ptr<HttpConnectionManagerConfig> config;  // never null; meaningful if no error was recorded
  Milliseconds initial_fetch_timeout{0};
};
TranslatedConnectionManager to_connection_manager(const ProtoConnectionManager& manager,
                                                  TrafficDirection direction, Context& context);

/// The chain without its router, whose settings go to `out` directly. Errors: no router at the end, or one
/// before it.
void set_http_filters(const ProtoConnectionManager& manager, TrafficDirection direction, Context& context,
                      HttpConnectionManagerConfig& out);

}  // namespace remora::xds

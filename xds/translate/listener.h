#pragma once

#include <memory>
#include <string>
#include <vector>

#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "remora/config/listener.h"
#include "translate/cluster.h"
#include "translate/context.h"
#include "translate/extension_filter.h"
#include "translate/resource_source.h"
#include "translate/secret_source.h"

namespace remora::xds {

struct TranslatedListener {
  std::shared_ptr<const ListenerConfig> config;  // null after an error
  /// A route table that one of its connection managers takes over RDS.
  struct Routes {
    std::string key;          // how it is known in this process: HttpConnectionManagerConfig::rds_name
    std::string name;         // as its source knows it
    std::string stat_prefix;  // of that connection manager
    std::shared_ptr<const ResourceSource> source;
  };
  std::vector<Routes> routes;
  /// A filter whose configuration comes by itself; `config` has it as it is without.
  struct Extension {
    std::string key;   // how its configuration is known in this process
    std::string name;  // as its source knows it
    std::shared_ptr<const ResourceSource> source;
    std::shared_ptr<const ExtensionFilter> filter;
    size_t place = 0;         // among the filters of its connection manager
    size_t chain = 0;         // of filter_chains; behind them: the default chain
    uint64_t chain_hash = 0;  // of that chain, whatever has come
    uint64_t content = 0;     // hash of what has come; 0: nothing
  };
  std::vector<Extension> extensions;
  SecretNeeds secrets;
  /// Nothing has to come before it can serve.
  [[nodiscard]] bool complete() const { return routes.empty() && extensions.empty() && secrets.empty(); }
};

/// Listener -> ListenerConfig. The context stands at the message. `content_hash` names its content.
TranslatedListener translate_listener(const envoy::config::listener::v3::Listener& listener,
                                      const ResourceOrigin& origin, uint64_t content_hash, Context& context);

// The parts; each standing at the listener.
void set_listener_filters(const envoy::config::listener::v3::Listener& listener, Context& context,
                          ListenerConfig& out);
void set_filter_chains(const envoy::config::listener::v3::Listener& listener, Context& context,
                       ListenerConfig& out, TranslatedListener& result);

using ProtoConnectionManager =
    envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

/// What a connection manager says. The context stands at the message.
struct TranslatedConnectionManager {
  std::shared_ptr<HttpConnectionManagerConfig> config;  // never null; meaningful if no error was recorded
  std::vector<TranslatedListener::Routes> routes;       // that come by name
  std::vector<TranslatedListener::Extension> extensions;
};
TranslatedConnectionManager to_connection_manager(const ProtoConnectionManager& manager,
                                                  TrafficDirection direction, Context& context);

/// Tables by what requests say. The context stands at the message; `needs` gets the tables that come by name.
/// Null after an error.
std::shared_ptr<const ScopedRoutes> to_scoped_routes(
    const envoy::extensions::filters::network::http_connection_manager::v3::ScopedRoutes& proto,
    const std::string& stat_prefix, Context& context, std::vector<TranslatedListener::Routes>& needs);

/// The chain without its router, whose settings go to `out` directly. Errors: no router at the end, or one
/// before it.
void set_http_filters(const ProtoConnectionManager& manager, TrafficDirection direction, Context& context,
                      TranslatedConnectionManager& out);

}  // namespace remora::xds

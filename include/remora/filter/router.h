#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "remora/config/listener.h"
#include "remora/filter/http_filter.h"

namespace remora {

/// What the router was told beyond HttpConnectionManagerConfig's members. Defaults are Envoy's. Source:
/// envoy.extensions.filters.http.router.v3.Router.
struct RouterConfig {
  /// A timeout that a proxy before this one has announced counts as the request's own.
  bool respect_expected_timeout = false;
  bool dynamic_stats = true;            ///< answers are counted by their status
  bool suppress_grpc_statuses = false;  ///< not those of gRPC calls
  /// Requests whose values of these cannot be read are refused.
  std::vector<HeaderId> strict_headers;
  /// One line for every attempt at an upstream, at its end.
  std::vector<std::shared_ptr<const AccessLogConfig>> upstream_logs;
  bool log_upstream_streams = false;  ///< one more when it gets its stream
  Milliseconds log_interval{0};       ///< and again and again; 0: not
};

/// Keeps a RouterConfig at the end of http_filters, where Envoy has the router. It never runs: the exchange
/// does what it says. A chain whose router says nothing of all that has none.
class RouterEntry final : public FilterFactory {
 public:
  RouterEntry(std::string name, RouterConfig config) : name_(std::move(name)), config_(std::move(config)) {}
  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::unique_ptr<HttpFilter> create() const override { return std::make_unique<HttpFilter>(); }
  [[nodiscard]] bool stateless() const override { return true; }
  [[nodiscard]] const RouterConfig& config() const { return config_; }

 private:
  std::string name_;
  RouterConfig config_;
};

/// What the router of `manager` was told. Lives as long as `manager`, at least.
const RouterConfig& router_of(const HttpConnectionManagerConfig& manager);

}  // namespace remora

#include "translate/listener.h"

#include "translate/access_log.h"
#include "translate/field_check.h"
#include "translate/socket_options.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

namespace v3 = envoy::config::listener::v3;

TrafficDirection to_direction(envoy::config::core::v3::TrafficDirection direction) {
  switch (direction) {
    case envoy::config::core::v3::INBOUND: return TrafficDirection::kInbound;
    case envoy::config::core::v3::OUTBOUND: return TrafficDirection::kOutbound;
    default: return TrafficDirection::kUnspecified;
  }
}

void set_addresses(const v3::Listener& listener, Context& context, ListenerConfig& out) {
  if (!listener.has_address()) {
    context.error("address", "is required");
    return;
  }
  out.address = to_address(listener.address(), "address", context);
  for (int i = 0; i < listener.additional_addresses_size(); ++i) {
    const auto scope = context.in("additional_addresses", i);
    out.additional_addresses.push_back(
        to_address(listener.additional_addresses(i).address(), "address", context));
  }
}

void set_socket(const v3::Listener& listener, Context& context, ListenerConfig& out) {
  if (listener.has_per_connection_buffer_limit_bytes()) {
    out.buffer_limit = listener.per_connection_buffer_limit_bytes().value();
  }
  out.reuse_port = !listener.has_enable_reuse_port() || listener.enable_reuse_port().value();
  if (listener.has_tcp_backlog_size()) out.tcp_backlog = listener.tcp_backlog_size().value();
  if (listener.has_max_connections_to_accept_per_socket_event()) {
    out.max_connections_per_accept = listener.max_connections_to_accept_per_socket_event().value();
  }
  out.exact_balance = listener.connection_balance_config().has_exact_balance();
  out.drain_modify_only = listener.drain_type() == envoy::config::listener::v3::Listener::MODIFY_ONLY;
  out.bind_to_port = !listener.has_bind_to_port() || listener.bind_to_port().value();
  out.transparent = listener.transparent().value();
  out.freebind = listener.freebind().value();
  out.ignores_connection_limit = listener.ignore_global_conn_limit();
  out.bypasses_overload = listener.bypass_overload_manager();
  out.socket_options = to_socket_options(listener.socket_options(), "socket_options", context);
}

void set_inspection(const v3::Listener& listener, Context& context, ListenerConfig& out) {
  set_listener_filters(listener, context, out);
  if (listener.has_listener_filters_timeout()) {
    out.listener_filters_timeout =
        to_milliseconds(listener.listener_filters_timeout(), "listener_filters_timeout", context);
  }
  out.continue_on_listener_filters_timeout = listener.continue_on_listener_filters_timeout();
}

}  // namespace

TranslatedListener translate_listener(const v3::Listener& listener, const ResourceOrigin& origin,
                                      uint64_t content_hash, Context& context) {
  const size_t errors_before = context.report().error_count();
  check_fields(listener, context);
  TranslatedListener result;
  auto out = std::make_shared<ListenerConfig>();
  out->name = listener.name();
  out->version = origin.version;
  out->added_via_api = origin.added_via_api;
  out->hash = content_hash;
  out->stat_prefix = listener.stat_prefix();
  out->direction = to_direction(listener.traffic_direction());
  set_addresses(listener, context, *out);
  set_socket(listener, context, *out);
  set_inspection(listener, context, *out);
  set_filter_chains(listener, context, *out, result);
  out->access_logs = to_access_logs(listener.access_log(), "access_log", context);
  if (out->name.empty() && !out->address.empty()) out->name = out->address.to_string();
  if (context.report().error_count() == errors_before) result.config = std::move(out);
  return result;
}

}  // namespace remora::xds

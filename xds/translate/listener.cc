#include "translate/listener.h"

#include "translate/field_check.h"
#include "translate/transport_socket.h"
#include "translate/typed_config.h"
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

void set_socket(const v3::Listener& listener, ListenerConfig& out) {
  if (listener.has_per_connection_buffer_limit_bytes()) {
    out.buffer_limit = listener.per_connection_buffer_limit_bytes().value();
  }
  out.reuse_port = !listener.has_enable_reuse_port() || listener.enable_reuse_port().value();
  if (listener.has_tcp_backlog_size()) out.tcp_backlog = listener.tcp_backlog_size().value();
  if (listener.has_max_connections_to_accept_per_socket_event()) {
    out.max_connections_per_accept = listener.max_connections_to_accept_per_socket_event().value();
  }
  out.bind_to_port = !listener.has_bind_to_port() || listener.bind_to_port().value();
  out.transparent = listener.transparent().value();
  out.freebind = listener.freebind().value();
}

void refuse_listener_filters(const v3::Listener& listener, Context& context) {
  for (int i = 0; i < listener.listener_filters_size(); ++i) {
    const auto scope = context.in("listener_filters", i);
    const auto& filter = listener.listener_filters(i);
    refuse_extension("listener filter", filter.name(), unpack(filter.typed_config()), context);
  }
}

/// Standing at the chain.
void set_chain(const v3::FilterChain& chain, Context& context, ListenerConfig& out,
               TranslatedListener& result) {
  auto& made = out.filter_chains.emplace_back();
  made.name = chain.name();
  if (chain.filter_chain_match().ByteSizeLong() > 0) {
    context.unsupported("filter_chain_match", "choosing a filter chain by the connection");
  }
  if (chain.filters_size() == 0) {
    context.error("filters", "must end with an HTTP connection manager");
    return;
  }
  check_transport_socket(chain.has_transport_socket(), chain.transport_socket(), context);
  for (int i = 0; i + 1 < chain.filters_size(); ++i) {
    const auto scope = context.in("filters", i);
    refuse_extension("network filter", chain.filters(i).name(), unpack(chain.filters(i).typed_config()),
                     context);
  }
  const auto scope = context.in("filters", chain.filters_size() - 1);
  const auto& filter = chain.filters(chain.filters_size() - 1);
  const TypedConfig config = unpack(filter.typed_config());
  const auto* manager = dynamic_cast<const ProtoConnectionManager*>(config.message.get());
  if (manager == nullptr) return refuse_extension("network filter", filter.name(), config, context);
  const auto typed = context.in("typed_config");
  auto translated = to_connection_manager(*manager, out.direction, context);
  result.rds_name = translated.config->rds_name;
  result.initial_fetch_timeout = translated.initial_fetch_timeout;
  made.http = std::move(translated.config);
}

void set_chains(const v3::Listener& listener, Context& context, ListenerConfig& out,
                TranslatedListener& result) {
  const int count = listener.filter_chains_size() + (listener.has_default_filter_chain() ? 1 : 0);
  if (count == 0) return context.error("filter_chains", "must not be empty");
  // All of them are read even then, so that one run names everything that is missing.
  if (count > 1) context.unsupported("filter_chains", "more than one filter chain");
  for (int i = 0; i < listener.filter_chains_size(); ++i) {
    const auto scope = context.in("filter_chains", i);
    set_chain(listener.filter_chains(i), context, out, result);
  }
  if (!listener.has_default_filter_chain()) return;
  const auto scope = context.in("default_filter_chain");
  set_chain(listener.default_filter_chain(), context, out, result);
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
  set_socket(listener, *out);
  refuse_listener_filters(listener, context);
  set_chains(listener, context, *out, result);
  if (out->name.empty() && !out->address.empty()) out->name = out->address.to_string();
  if (context.report().error_count() == errors_before) result.config = std::move(out);
  return result;
}

}  // namespace remora::xds

#include <algorithm>
#include <map>

#include "translate/content_hash.h"
#include "translate/listener.h"
#include "translate/metadata_exchange.h"
#include "translate/tcp_proxy.h"
#include "translate/transport_socket.h"
#include "translate/typed_config.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

namespace v3 = envoy::config::listener::v3;
using envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;

/// Lower-case; a wildcard stands for whole labels in front.
std::string to_server_name(const std::string& name, Context& context) {
  const size_t star = name.rfind('*');
  if (star != std::string::npos && (star != 0 || !name.starts_with("*.")))
    context.error("'" + name + "': a wildcard can only stand in front, as in *.example.com");
  return lower(name);
}

void set_ranges(const google::protobuf::RepeatedPtrField<envoy::config::core::v3::CidrRange>& source,
                std::string_view field, Context& context, std::vector<CidrRange>& out) {
  for (int i = 0; i < source.size(); ++i) {
    const auto scope = context.in(field, i);
    out.push_back(to_cidr(source[i], context));
  }
}

FilterChainMatch::SourceType to_source_type(v3::FilterChainMatch::ConnectionSourceType type) {
  switch (type) {
    case v3::FilterChainMatch::SAME_IP_OR_LOOPBACK: return FilterChainMatch::SourceType::kSameIpOrLoopback;
    case v3::FilterChainMatch::EXTERNAL: return FilterChainMatch::SourceType::kExternal;
    default: return FilterChainMatch::SourceType::kAny;
  }
}

/// Standing at the chain.
FilterChainMatch to_match(const v3::FilterChainMatch& source, Context& context) {
  const auto scope = context.in("filter_chain_match");
  FilterChainMatch out;
  if (source.has_destination_port())
    out.destination_port = static_cast<uint16_t>(source.destination_port().value());
  set_ranges(source.prefix_ranges(), "prefix_ranges", context, out.destination_ranges);
  set_ranges(source.direct_source_prefix_ranges(), "direct_source_prefix_ranges", context,
             out.direct_source_ranges);
  set_ranges(source.source_prefix_ranges(), "source_prefix_ranges", context, out.source_ranges);
  for (int i = 0; i < source.server_names_size(); ++i) {
    const auto at = context.in("server_names", i);
    out.server_names.push_back(to_server_name(source.server_names(i), context));
  }
  out.transport_protocol = source.transport_protocol();
  if (!out.transport_protocol.empty() && out.transport_protocol != "tls" &&
      out.transport_protocol != "raw_buffer")
    context.warning("transport_protocol",
                    "'" + out.transport_protocol + "' is no protocol that is ever found");
  out.application_protocols.assign(source.application_protocols().begin(),
                                   source.application_protocols().end());
  out.source_type = to_source_type(source.source_type());
  for (const uint32_t port : source.source_ports()) out.source_ports.push_back(static_cast<uint16_t>(port));
  return out;
}

/// Reads chains one by one.
class Chains {
 public:
  Chains(Context& context, TrafficDirection direction, TranslatedListener& result)
      : context_(context),
        direction_(direction),
        result_(result) {}

  /// Standing at the chain.
  FilterChain make(const v3::FilterChain& source) {
    const size_t extensions_before = result_.extensions.size();
    FilterChain out;
    out.name = source.name();
    out.hash = content_hash(source);
    v3::FilterChain agreed;
    *agreed.mutable_filter_chain_match() = source.filter_chain_match();
    *agreed.mutable_transport_socket() = source.transport_socket();
    out.transport_hash = content_hash(agreed);
    out.match = to_match(source.filter_chain_match(), context_);
    out.tls = to_downstream_socket(source.has_transport_socket(), source.transport_socket(), context_,
                                   result_.secrets);
    if (source.has_transport_socket_connect_timeout()) {
      out.transport_socket_connect_timeout = to_milliseconds(source.transport_socket_connect_timeout(),
                                                             "transport_socket_connect_timeout", context_);
    }
    set_filters(source, out);
    for (size_t i = extensions_before; i < result_.extensions.size(); ++i) {
      result_.extensions[i].chain = made_;
      result_.extensions[i].chain_hash = out.hash;
    }
    ++made_;
    return out;
  }

 private:
  void set_filters(const v3::FilterChain& source, FilterChain& out) {
    constexpr const char* kMustEnd = "must end with an HTTP connection manager or a TCP proxy";
    const size_t errors_before = context_.report().error_count();
    MetadataExchanges exchanges;
    for (int i = 0; i < source.filters_size(); ++i) {
      const auto scope = context_.in("filters", i);
      const TypedConfig config = unpack(source.filters(i).typed_config());
      if (exchanges.read(config, context_)) {
        out.transport_hash ^=
            content_hash(source.filters(i));  // connections have agreed on a protocol, or not
      } else {
        set_filter(source.filters(i), config, i + 1 == source.filters_size(), out);
      }
    }
    out.tls = exchanges.without(out.tls);
    const bool ends = out.http != nullptr || out.tcp != nullptr;
    if (!ends && context_.report().error_count() == errors_before) context_.error("filters", kMustEnd);
  }

  /// Standing at the filter.
  void set_filter(const v3::Filter& filter, const TypedConfig& config, bool last, FilterChain& out) {
    const auto* manager = dynamic_cast<const ProtoConnectionManager*>(config.message.get());
    const auto* proxy = dynamic_cast<const TcpProxy*>(config.message.get());
    if (manager == nullptr && proxy == nullptr)
      return refuse_extension("network filter", filter.name(), config, context_);
    if (!last) context_.error("'" + filter.name() + "' ends the chain: it must be the last filter");
    const auto typed = context_.in("typed_config");
    if (proxy != nullptr) {
      out.tcp = to_tcp_proxy(*proxy, context_);
      return;
    }
    auto translated = to_connection_manager(*manager, direction_, context_);
    std::ranges::move(translated.routes, std::back_inserter(result_.routes));
    std::ranges::move(translated.extensions, std::back_inserter(result_.extensions));
    out.http = std::move(translated.config);
  }

  Context& context_;
  const TrafficDirection direction_;
  TranslatedListener& result_;
  size_t made_ = 0;
};

/// Two chains with the same conditions: one could never be reached. Overlaps are found where the index is
/// built.
void refuse_equal_matches(const v3::Listener& listener, Context& context) {
  std::map<std::string, int> seen;
  for (int i = 0; i < listener.filter_chains_size(); ++i) {
    const auto scope = context.in("filter_chains", i);
    const auto [first, is_new] =
        seen.emplace(listener.filter_chains(i).filter_chain_match().SerializeAsString(), i);
    if (is_new) continue;
    context.error("filter_chain_match",
                  "is the same as that of filter_chains[" + std::to_string(first->second) + "]");
  }
}

bool needs_inspection(const FilterChain& chain) {
  return !chain.match.server_names.empty() || !chain.match.transport_protocol.empty();
}

void warn_without_inspector(const ListenerConfig& out, Context& context) {
  const auto is_inspector = [](const ListenerFilter& filter) {
    return filter.kind == ListenerFilter::Kind::kTlsInspector;
  };
  if (std::any_of(out.listener_filters.begin(), out.listener_filters.end(), is_inspector)) return;
  if (std::none_of(out.filter_chains.begin(), out.filter_chains.end(), needs_inspection)) return;
  context.warning(
      "filter_chains",
      "match on server names or the transport protocol, which only a TLS inspector finds; there is none");
}

}  // namespace

void set_filter_chains(const v3::Listener& listener, Context& context, ListenerConfig& out,
                       TranslatedListener& result) {
  if (listener.filter_chains().empty() && !listener.has_default_filter_chain())
    return context.error("filter_chains", "must not be empty");
  Chains chains(context, out.direction, result);
  for (int i = 0; i < listener.filter_chains_size(); ++i) {
    const auto scope = context.in("filter_chains", i);
    out.filter_chains.push_back(chains.make(listener.filter_chains(i)));
  }
  refuse_equal_matches(listener, context);
  warn_without_inspector(out, context);
  if (!listener.has_default_filter_chain()) return;
  const auto scope = context.in("default_filter_chain");
  if (listener.default_filter_chain().filter_chain_match().ByteSizeLong() > 0)
    context.warning("filter_chain_match", "has no effect: the default chain is for what no other matches");
  out.default_filter_chain = chains.make(listener.default_filter_chain());
}

}  // namespace remora::xds

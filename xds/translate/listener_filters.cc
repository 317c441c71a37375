#include <algorithm>

#include "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.pb.h"
#include "envoy/extensions/filters/listener/original_dst/v3/original_dst.pb.h"
#include "envoy/extensions/filters/listener/original_src/v3/original_src.pb.h"
#include "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.pb.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb.h"
#include "translate/field_check.h"
#include "translate/listener.h"
#include "translate/typed_config.h"

namespace remora::xds {
namespace {

namespace v3 = envoy::config::listener::v3;
namespace filters = envoy::extensions::filters::listener;
using Predicate = v3::ListenerFilterChainMatchPredicate;
using filters::proxy_protocol::v3::ProxyProtocol;

/// Ports as sorted ranges [start, end) that do not touch.
using Ports = std::vector<std::pair<uint32_t, uint32_t>>;
constexpr uint32_t kAllPorts = 65536;
constexpr const char* kTlvNamespace = "envoy.filters.listener.proxy_protocol";

Ports complement(const Ports& ports) {
  Ports out;
  uint32_t next = 0;
  for (const auto& [start, end] : ports) {
    if (start > next) out.emplace_back(next, start);
    next = end;
  }
  if (next < kAllPorts) out.emplace_back(next, kAllPorts);
  return out;
}

Ports unite(Ports ports, const Ports& more) {
  ports.insert(ports.end(), more.begin(), more.end());
  std::sort(ports.begin(), ports.end());
  Ports out;
  for (const auto& [start, end] : ports) {
    if (!out.empty() && start <= out.back().second) {
      out.back().second = std::max(out.back().second, end);
    } else {
      out.emplace_back(start, end);
    }
  }
  return out;
}

Ports to_range(const envoy::type::v3::Int32Range& range) {
  const auto clamp = [](int32_t port) {
    return static_cast<uint32_t>(std::clamp<int64_t>(port, 0, kAllPorts));
  };
  const uint32_t start = clamp(range.start());
  const uint32_t end = clamp(range.end());
  return start < end ? Ports{{start, end}} : Ports{};
}

/// The destination ports for which a predicate holds: all that it can speak of.
Ports to_ports(const Predicate& predicate) {
  switch (predicate.rule_case()) {
    case Predicate::kOrMatch: {
      Ports out;
      for (const auto& rule : predicate.or_match().rules()) out = unite(std::move(out), to_ports(rule));
      return out;
    }
    case Predicate::kAndMatch: {  // what none of them leaves out
      Ports left_out;
      for (const auto& rule : predicate.and_match().rules())
        left_out = unite(std::move(left_out), complement(to_ports(rule)));
      return complement(left_out);
    }
    case Predicate::kNotMatch: return complement(to_ports(predicate.not_match()));
    case Predicate::kDestinationPortRange: return to_range(predicate.destination_port_range());
    default: return {{0, kAllPorts}};
  }
}

void set_proxy_protocol(const ProxyProtocol& config, ListenerFilter& out) {
  out.kind = ListenerFilter::Kind::kProxyProtocol;
  out.allow_requests_without_proxy_protocol = config.allow_requests_without_proxy_protocol();
  for (const int version : config.disallowed_versions()) {
    if (version == envoy::config::core::v3::ProxyProtocolConfig::V1) out.disallow_v1 = true;
    if (version == envoy::config::core::v3::ProxyProtocolConfig::V2) out.disallow_v2 = true;
  }
  for (const auto& rule : config.rules()) {
    const auto& target = rule.on_tlv_present();
    const std::string space =
        target.metadata_namespace().empty() ? kTlvNamespace : target.metadata_namespace();
    out.tlv_rules.push_back({static_cast<uint8_t>(rule.tlv_type()), {space, target.key()}});
  }
}

/// False: a type that this build does not have.
bool set_kind(const google::protobuf::Message* config, ListenerFilter& out) {
  if (dynamic_cast<const filters::tls_inspector::v3::TlsInspector*>(config) != nullptr) {
    out.kind = ListenerFilter::Kind::kTlsInspector;
  } else if (dynamic_cast<const filters::http_inspector::v3::HttpInspector*>(config) != nullptr) {
    out.kind = ListenerFilter::Kind::kHttpInspector;
  } else if (dynamic_cast<const filters::original_dst::v3::OriginalDst*>(config) != nullptr) {
    out.kind = ListenerFilter::Kind::kOriginalDst;
  } else if (const auto* source = dynamic_cast<const filters::original_src::v3::OriginalSrc*>(config)) {
    out.kind = ListenerFilter::Kind::kOriginalSrc;
    out.bind_port = source->bind_port();
    out.mark = source->mark();
  } else if (const auto* proxy = dynamic_cast<const ProxyProtocol*>(config)) {
    set_proxy_protocol(*proxy, out);
  } else {
    return false;
  }
  return true;
}

/// Standing at the filter.
void add_filter(const v3::ListenerFilter& source, Context& context, std::vector<ListenerFilter>& out) {
  check_fields(source, context);
  const TypedConfig config = unpack(source.typed_config());
  ListenerFilter made;
  if (!set_kind(config.message.get(), made))
    return refuse_extension("listener filter", source.name(), config, context);
  const auto scope = context.in("typed_config");
  check_fields(*config.message, context);
  if (source.has_filter_disabled()) made.disabled_ports = to_ports(source.filter_disabled());
  out.push_back(std::move(made));
}

}  // namespace

void set_listener_filters(const v3::Listener& listener, Context& context, ListenerConfig& out) {
  for (int i = 0; i < listener.listener_filters_size(); ++i) {
    const auto scope = context.in("listener_filters", i);
    add_filter(listener.listener_filters(i), context, out.listener_filters);
  }
  out.use_original_dst = listener.use_original_dst().value();
  const auto restores = [](const ListenerFilter& filter) {
    return filter.kind == ListenerFilter::Kind::kOriginalDst;
  };
  auto& filters = out.listener_filters;
  if (out.use_original_dst && std::none_of(filters.begin(), filters.end(), restores))
    filters.push_back({.kind = ListenerFilter::Kind::kOriginalDst});
}

}  // namespace remora::xds

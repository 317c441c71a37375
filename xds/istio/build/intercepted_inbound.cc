#include <algorithm>
#include <optional>
#include <set>

#include "envoy/extensions/filters/listener/original_dst/v3/original_dst.pb.h"
#include "envoy/extensions/filters/listener/original_src/v3/original_src.pb.h"
#include "istio/build/filters.h"
#include "istio/build/intercepted.h"
#include "istio/build/names.h"
#include "istio/build/proto_util.h"
#include "istio/build/tls.h"

namespace remora::istio {
namespace {

using envoy::config::listener::v3::FilterChain;
using envoy::config::listener::v3::Listener;
using envoy::config::listener::v3::ListenerFilter;
using envoy::config::listener::v3::ListenerFilterChainMatchPredicate;

/// The mark of the proxy's own packets in TPROXY mode, by which the kernel's rules know them.
constexpr uint32_t kTproxyMark = 1337;

enum class Speaks { kHttp, kBytes, kUnknown };

/// One kind of connection to a port, and how it is read.
struct Kind {
  bool http = false;
  bool mutual_tls = false;
  const char* transport = "";          ///< "tls", "raw_buffer", or either
  std::vector<std::string> words;      ///< application protocols; empty: any
  const ServerTls* own_tls = nullptr;  ///< that of the Sidecar ends here
};

const std::vector<std::string>& plain_http_words() {
  static const std::vector<std::string> kWords{"http/1.1", "h2c"};
  return kWords;
}

std::vector<std::string> mesh_byte_words() { return {"istio", "istio-peer-exchange"}; }

/// In mutual TLS the client's sidecar says whether it carries HTTP; plain text says so by its first bytes.
std::vector<Kind> unknown_kinds(MtlsMode mode) {
  const Kind mesh_http{true, true, "tls", mesh_http_words()};
  const Kind plain_http{true, false, "raw_buffer", plain_http_words()};
  switch (mode) {
    case MtlsMode::kStrict: return {mesh_http, {false, true, "tls", {}}};
    case MtlsMode::kDisable: return {plain_http, {false, false, "raw_buffer", {}}, {false, false, "tls", {}}};
    default: break;
  }
  return {mesh_http,
          plain_http,
          {false, true, "tls", mesh_byte_words()},
          {false, false, "raw_buffer", {}},
          {false, false, "tls", {}}};  // between the applications
}

std::vector<Kind> kinds_of(Speaks speaks, MtlsMode mode) {
  if (speaks == Speaks::kUnknown) return unknown_kinds(mode);
  const bool http = speaks == Speaks::kHttp;
  switch (mode) {
    case MtlsMode::kStrict: return {{http, true, "tls", {}}};
    case MtlsMode::kDisable: return {{http, false, "", {}}};
    default: break;
  }
  std::vector<Kind> kinds{{http, true, "tls", mesh_words()}, {http, false, "raw_buffer", {}}};
  if (!http) kinds.push_back({false, false, "tls", {}});
  return kinds;
}

bool needs_tls_inspector(const std::vector<Kind>& kinds) {
  return std::any_of(kinds.begin(), kinds.end(), [](const Kind& kind) { return *kind.transport != '\0'; });
}

bool needs_http_inspector(const std::vector<Kind>& kinds) {
  return std::any_of(kinds.begin(), kinds.end(),
                     [](const Kind& kind) { return !kind.mutual_tls && !kind.words.empty(); });
}

/// Whether a server behind it may have to speak first while a filter of the listener waits for the client.
bool may_wait_for_ever(const std::vector<Kind>& kinds) {
  const bool plain_bytes = std::any_of(kinds.begin(), kinds.end(), [](const Kind& kind) {
    return !kind.http && !kind.mutual_tls && kind.own_tls == nullptr;
  });
  return plain_bytes && (needs_tls_inspector(kinds) || needs_http_inspector(kinds));
}

Speaks speaks_of(const MeshPort& port) {
  if (port.protocol == Protocol::kUndeclared) return Speaks::kUnknown;
  return port.is_http() ? Speaks::kHttp : Speaks::kBytes;
}

/// `ports` as a condition, which has one form for one and another for several.
ListenerFilterChainMatchPredicate any_of_ports(const std::set<uint16_t>& ports) {
  ListenerFilterChainMatchPredicate predicate;
  for (const uint16_t port : ports) {
    auto& one = ports.size() == 1 ? predicate : *predicate.mutable_or_match()->add_rules();
    one.mutable_destination_port_range()->set_start(port);
    one.mutable_destination_port_range()->set_end(port + 1);
  }
  return predicate;
}

/// Which ports an inspector has to look at: those of services that need it, and all others if these do.
class Inspected {
 public:
  explicit Inspected(bool others) : others_(others) {}

  void add(uint16_t port, bool needed) { (needed ? needed_ : spared_).insert(port); }
  bool nowhere() const { return !others_ && needed_.empty(); }

  void limit(ListenerFilter& filter) const {
    if (!others_) {
      *filter.mutable_filter_disabled()->mutable_not_match() = any_of_ports(needed_);
      return;
    }
    std::set<uint16_t> spared = spared_;
    spared.insert(kInboundPort);
    *filter.mutable_filter_disabled() = any_of_ports(spared);
  }

 private:
  const bool others_;
  std::set<uint16_t> needed_;
  std::set<uint16_t> spared_;
};

/// What a chain hands to the application, however it came.
struct Target {
  std::string chain;
  std::string http_chain;
  std::optional<uint16_t> port;  ///< none: all that no other chain has
  std::string http_prefix;       ///< of statistics
  bool grpc = false;
  std::string cluster;
  envoy::config::route::v3::RouteConfiguration routes;
  PolicySettings policy;
  std::vector<const JwtRule*> jwt_rules;
};

class Maker {
 public:
  Maker(const InboundPorts& ports, const MeshView& view)
      : ports_(ports),
        view_(view),
        others_(kinds_for_others()),
        tls_(needs_tls_inspector(others_)),
        http_(needs_http_inspector(others_)),
        patient_(!may_wait_for_ever(others_)) {}

  Layout make() {
    listener_ = wildcard_listener(view_.node(), kInboundPort);
    listener_.set_name("virtualInbound");
    listener_.set_traffic_direction(envoy::config::core::v3::TrafficDirection::INBOUND);
    if (view_.node().interception == Interception::kTproxy) listener_.mutable_transparent()->set_value(true);
    add_own();
    add_chains(others_target(std::nullopt), others_);
    for (const auto& entry : ports_) add_port(entry.second);
    for (const uint16_t port : policies().ports_of(view_.node().ns, view_.node().labels))
      add_unknown_port(port);
    add_listener_filters();
    Layout layout;
    layout.notes = std::move(notes_);
    layout.listeners.push_back(std::move(listener_));
    return layout;
  }

 private:
  const PeerPolicies& policies() const { return view_.registry().peer_policies(); }

  /// Who connects to the port itself, and was not redirected, has nobody to speak to.
  void add_own() {
    FilterChain& chain = *listener_.add_filter_chains();
    chain.set_name("virtualInbound-blackhole");
    chain.mutable_filter_chain_match()->mutable_destination_port()->set_value(kInboundPort);
    add_tcp(kBlackHoleCluster, {{kBlackHoleCluster, 1}}, {}, chain);
  }

  /// None where mutual TLS is asked for and the proxy has no certificate: that must not fall back to plain
  /// text.
  std::vector<Kind> kinds_for(Speaks speaks, MtlsMode mode) const {
    if (view_.node().identified) return kinds_of(speaks, mode);
    return mode == MtlsMode::kStrict ? std::vector<Kind>{} : kinds_of(speaks, MtlsMode::kDisable);
  }

  std::vector<Kind> kinds_of_port(const InboundPort& inbound) const {
    const Speaks speaks = speaks_of(*inbound.services.front().second);
    if (const ServerTls* own = own_tls(inbound, view_))
      return {{speaks != Speaks::kBytes, false, "tls", {}, own}};
    const Endpoint& workload = *inbound.workload;
    return kinds_for(speaks, policies().mode_for(workload.ns, workload.labels, inbound.port));
  }

  std::vector<Kind> kinds_for_others() const {
    constexpr uint16_t kNoPort = 0;
    const ProxyNode& node = view_.node();
    return kinds_for(Speaks::kUnknown, policies().mode_for(node.ns, node.labels, kNoPort));
  }

  std::vector<const JwtRule*> jwt_rules(const std::string& ns, const Labels& labels) const {
    return view_.registry().jwt_policies().rules_for(ns, labels);
  }

  Target others_target(std::optional<uint16_t> port) const {
    return {"virtualInbound",
            "virtualInbound-catchall-http",
            port,
            kInboundPassthroughCluster,
            true,
            kInboundPassthroughCluster,
            build_inbound_passthrough_routes(),
            {},
            jwt_rules(view_.node().ns, view_.node().labels)};
  }

  void add_port(const InboundPort& inbound) {
    const auto& [service, port] = inbound.services.front();
    const std::string name = listener_name(wildcard_address(view_.node()), inbound.port);
    if (is_reserved_port(inbound.port)) {
      notes_.emplace_back("chain " + name, "is left out: the proxy needs the port itself");
      return;
    }
    const Endpoint& workload = *inbound.workload;
    const auto kinds = kinds_of_port(inbound);
    const MergedRule* rule = view_.registry().find_rule(service->host, view_.node().ns);
    add_inspected(inbound.port, kinds);
    if (kinds.empty()) {
      notes_.emplace_back("chain " + name,
                          "is left out: it takes mutual TLS only, and the proxy has not proved who it is");
      // Without a chain of its own the port would be one of the others, whose policy may be another.
      close_port(name, inbound.port);
      return;
    }
    add_chains({name, name, inbound.port, "inbound_" + name, port->protocol != Protocol::kHttp,
                inbound_name(inbound.port), build_inbound_route_configuration(inbound),
                effective_policy(rule, nullptr, port->number), jwt_rules(workload.ns, workload.labels)},
               kinds);
  }

  void close_port(const std::string& name, uint16_t port) {
    FilterChain& chain = *listener_.add_filter_chains();
    chain.set_name(name);
    chain.mutable_filter_chain_match()->mutable_destination_port()->set_value(port);
    add_tcp(kBlackHoleCluster, {{kBlackHoleCluster, 1}}, {}, chain);
  }

  /// A port that has a policy of its own, and no service.
  void add_unknown_port(uint16_t port) {
    if (ports_.contains(port) || is_reserved_port(port)) return;
    const ProxyNode& node = view_.node();
    const auto kinds = kinds_for(Speaks::kUnknown, policies().mode_for(node.ns, node.labels, port));
    add_inspected(port, kinds);
    if (kinds.empty()) return close_port("virtualInbound", port);
    add_chains(others_target(port), kinds);
  }

  void add_inspected(uint16_t port, const std::vector<Kind>& kinds) {
    tls_.add(port, needs_tls_inspector(kinds));
    http_.add(port, needs_http_inspector(kinds));
    patient_ = patient_ && !may_wait_for_ever(kinds);
  }

  void add_chains(const Target& target, const std::vector<Kind>& kinds) {
    for (const Kind& kind : kinds) add_chain(target, kind);
  }

  void add_chain(const Target& target, const Kind& kind) {
    FilterChain& chain = *listener_.add_filter_chains();
    chain.set_name(kind.http ? target.http_chain : target.chain);
    auto& match = *chain.mutable_filter_chain_match();
    if (target.port) match.mutable_destination_port()->set_value(*target.port);
    if (*kind.transport != '\0') match.set_transport_protocol(kind.transport);
    for (const std::string& word : kind.words) match.add_application_protocols(word);
    if (kind.mutual_tls) {
      set_inbound_tls(view_.registry().settings().trust_domain, *chain.mutable_transport_socket());
    } else if (kind.own_tls != nullptr) {
      set_server_tls(*kind.own_tls, kind.http, *chain.mutable_transport_socket());
    }
    if (kind.http) {
      add_inbound_http({target.http_prefix, target.grpc, target.jwt_rules}, target.routes, view_.node(),
                       chain);
    } else {
      add_tcp(target.cluster, {{target.cluster, 1}}, target.policy, chain);
    }
  }

  void add_listener_filters() {
    auto& destination = *listener_.add_listener_filters();
    destination.set_name("envoy.filters.listener.original_dst");
    *destination.mutable_typed_config() =
        pack(envoy::extensions::filters::listener::original_dst::v3::OriginalDst());
    if (view_.node().interception == Interception::kTproxy) add_original_source();
    if (!tls_.nowhere()) {
      inspect_tls(listener_);
      tls_.limit(*listener_.mutable_listener_filters()->rbegin());
    }
    if (!http_.nowhere()) {
      inspect_http(listener_);
      http_.limit(*listener_.mutable_listener_filters()->rbegin());
    }
    set_duration(patient_ ? Duration(0) : view_.registry().settings().protocol_detection_timeout,
                 *listener_.mutable_listener_filters_timeout());
    listener_.set_continue_on_listener_filters_timeout(true);
  }

  /// The application sees its client's address.
  void add_original_source() {
    auto& source = *listener_.add_listener_filters();
    source.set_name("envoy.filters.listener.original_src");
    envoy::extensions::filters::listener::original_src::v3::OriginalSrc config;
    config.set_mark(kTproxyMark);
    *source.mutable_typed_config() = pack(config);
  }

  const InboundPorts& ports_;
  const MeshView& view_;
  const std::vector<Kind> others_;
  Inspected tls_;
  Inspected http_;
  bool patient_;
  Listener listener_;
  std::vector<std::pair<std::string, std::string>> notes_;
};

}  // namespace

Layout build_intercepted_inbound(const InboundPorts& ports, const MeshView& view) {
  return Maker(ports, view).make();
}

}  // namespace remora::istio

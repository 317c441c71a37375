#include <algorithm>
#include <map>
#include <set>

#include "istio/build/filters.h"
#include "istio/build/intercepted.h"
#include "istio/build/l4_routes.h"
#include "istio/build/names.h"
#include "istio/build/proto_util.h"

namespace remora::istio {
namespace {

using envoy::config::listener::v3::FilterChain;
using envoy::config::listener::v3::Listener;

/// A service's port, as one of several that share a listener.
struct Lead {
  CalledPort called;
  std::vector<AddressRange> ranges;  ///< of the service, where the listener's address does not tell it
};

/// All that connections to one address and port may be for.
struct Place {
  std::vector<const MeshService*> http;  ///< only where the address is not known
  std::vector<Lead> bytes;               ///< the first has what nothing tells apart
  /// Bytes are read as HTTP where they are HTTP. Only where the address is one service's.
  const MeshService* sniffed = nullptr;
  bool bound = false;  ///< the address is one that the Sidecar has chosen, whose services share it
  const EgressGroup* group = nullptr;  ///< whose it is: what comes after does not share it
};

/// Address (empty: any) and port.
using PlaceKey = std::pair<std::string, uint16_t>;

class Plan {
 public:
  Plan(const std::vector<EgressGroup>& groups, const MeshView& view) : view_(view) {
    for (const EgressGroup& group : groups) {
      if (group.own_socket()) continue;
      group_ = &group;
      const bool bound = group.listener != nullptr && !group.listener->bind.empty();
      for (const CalledPort& called : group.called) {
        if (bound) {
          add_bound(group.listener->bind, called);
        } else {
          add(called);
        }
      }
    }
  }

  const std::map<PlaceKey, Place>& places() const { return places_; }
  const std::vector<std::pair<std::string, std::string>>& notes() const { return notes_; }

 private:
  /// The place, if it is the group's to share; null: an earlier group has it.
  Place* place_at(const PlaceKey& key) {
    Place& place = places_[key];
    if (place.group == nullptr) place.group = group_;
    return place.group == group_ ? &place : nullptr;
  }

  void add_bound(const std::string& address, const CalledPort& called) {
    Place* place = place_at({address, called.port->number});
    if (place == nullptr) return;
    place->bound = true;
    if (called.is_http()) {
      place->http.push_back(called.service);
    } else {
      add_bytes(listener_name(address, called.port->number), called, *place);
    }
  }

  void add(const CalledPort& called) {
    const MeshService& service = *called.service;
    const uint16_t number = called.port->number;
    if (called.protocol == Protocol::kHttp || called.protocol == Protocol::kHttp2)
      return add_http(service, number);
    std::vector<AddressRange> ranges;
    for (const std::string& address : addresses_of(service, *called.port)) {
      const auto range = parse_address_range(address);
      if (!range || !has_family(range->address)) continue;
      if (range->is_single()) {
        add_at(range->address, called);
      } else {
        ranges.push_back(*range);
      }
    }
    if (!ranges.empty()) {
      if (Place* place = place_at({"", number})) place->bytes.push_back({called, std::move(ranges)});
    } else if (service.addresses.empty() && !service.headless) {
      add_without_address(called);
    }
  }

  void add_http(const MeshService& service, uint16_t port) {
    if (Place* place = place_at({"", port})) place->http.push_back(&service);
  }

  /// Clients of a headless service connect to its endpoints, each of which they have looked up by themselves.
  static std::vector<std::string> addresses_of(const MeshService& service, const MeshPort& port) {
    if (!service.headless) return service.addresses;
    std::vector<std::string> addresses;
    for (const Endpoint& endpoint : port.endpoints) addresses.push_back(endpoint.address);
    return addresses;
  }

  bool has_family(const std::string& address) const {
    return is_ipv6(address) ? view_.node().has_ipv6() : view_.node().has_ipv4();
  }

  void add_at(const std::string& address, const CalledPort& called) {
    Place* place = place_at({address, called.port->number});
    if (place == nullptr) return;
    if (!place->bytes.empty()) {
      const MeshService& first = *place->bytes.front().called.service;
      if (&first != called.service)
        note_taken(listener_name(address, called.port->number), *called.service, first);
      return;
    }
    place->bytes.push_back({called, {}});
    if (called.protocol == Protocol::kUndeclared) place->sniffed = called.service;
  }

  void add_without_address(const CalledPort& called) {
    const uint16_t number = called.port->number;
    if (called.protocol == Protocol::kUndeclared) return add_http(*called.service, number);
    if (Place* place = place_at({"", number}))
      add_bytes(listener_name(wildcard_address(view_.node()), number), called, *place);
  }

  /// Where the address does not tell services apart: TLS does, and of others there is one.
  void add_bytes(const std::string& listener, const CalledPort& called, Place& place) {
    const auto other = std::find_if(place.bytes.begin(), place.bytes.end(), [&](const Lead& lead) {
      return lead.ranges.empty() && lead.called.protocol == Protocol::kTcp;
    });
    if (called.protocol == Protocol::kTcp && other != place.bytes.end()) {
      note_taken(listener, *called.service, *other->called.service);
    } else {
      place.bytes.push_back({called, {}});
    }
  }

  void note_taken(const std::string& listener, const MeshService& service, const MeshService& first) {
    notes_.emplace_back("listener " + listener, "does not lead to " + service.host + ": " + first.host +
                                                    " has it, and nothing tells them apart");
  }

  const MeshView& view_;
  const EgressGroup* group_ = nullptr;  // being added
  std::map<PlaceKey, Place> places_;
  std::vector<std::pair<std::string, std::string>> notes_;
};

bool carries_grpc(const Place& place, uint16_t port) {
  return place.sniffed != nullptr ||
         std::any_of(place.http.begin(), place.http.end(), [&](const MeshService* service) {
           return service->find_port(port)->protocol != Protocol::kHttp;
         });
}

/// HTTP in plain text. TLS of the application's own, and all other bytes, go elsewhere.
void match_plain_http(FilterChain& chain) {
  auto& match = *chain.mutable_filter_chain_match();
  match.set_transport_protocol("raw_buffer");
  match.add_application_protocols("http/1.1");
  match.add_application_protocols("h2c");
}

class ListenerMaker {
 public:
  ListenerMaker(const PlaceKey& key, const Place& place, const MeshView& view)
      : place_(place),
        port_(key.second),
        wildcard_(key.first.empty()),
        view_(view),
        listener_(wildcard_ ? wildcard_listener(view.node(), port_) : empty_listener(key.first, port_)) {}

  Listener make() {
    listener_.mutable_bind_to_port()->set_value(false);
    listener_.set_traffic_direction(envoy::config::core::v3::TrafficDirection::OUTBOUND);
    const bool http = !place_.http.empty() || place_.sniffed != nullptr;
    if (http) add_http();
    if (place_.bound && place_.bytes.empty())
      return std::move(listener_);  // requests, whatever they look like
    ChainList chains(listener_, http);
    for (const Lead& lead : place_.bytes) add_bytes(lead, chains);
    if (chains.has_server_names()) inspect_tls(listener_);
    if (http) inspect_http(listener_);
    if (!chains.has_catch_all()) add_rest();
    set_patience(chains.has_catch_all() && listener_.listener_filters_size() > 0);
    return std::move(listener_);
  }

 private:
  void add_http() {
    const std::string routes =
        place_.sniffed == nullptr ? std::to_string(port_) : sniffed_table_name(place_.sniffed->host, port_);
    FilterChain& chain = *listener_.add_filter_chains();
    if (!place_.bound || !place_.bytes.empty()) match_plain_http(chain);
    add_outbound_http({"outbound_" + listener_.name(), carries_grpc(place_, port_)}, routes, view_.node(),
                      chain);
  }

  void add_bytes(const Lead& lead, ChainList& chains) {
    // An address of its own tells the service; one of a range, or none, leaves it to the client's TLS.
    const bool by_name = (wildcard_ || place_.bound) && lead.ranges.empty();
    const CalledPort& called = lead.called;
    for (L4Chain& chain : l4_chains(*called.service, *called.port, called.protocol, by_name, view_)) {
      if (chain.destinations.empty()) chain.destinations = lead.ranges;
      chains.add(chain);
    }
  }

  void add_rest() {
    FilterChain& rest = *listener_.mutable_default_filter_chain();
    rest.set_name("PassthroughFilterChain");
    const std::string cluster = view_.unknown_cluster();
    add_tcp(cluster, {{cluster, 1}}, {}, rest);
  }

  /// Servers that speak first must not wait for a client that never will, so where bytes may be for one, what
  /// the client does not say in time is taken for an answer. Elsewhere a client may take its time.
  void set_patience(bool server_may_speak_first) {
    const Duration wait =
        server_may_speak_first ? view_.registry().settings().protocol_detection_timeout : Duration(0);
    set_duration(wait, *listener_.mutable_listener_filters_timeout());
    listener_.set_continue_on_listener_filters_timeout(true);
  }

  const Place& place_;
  const uint16_t port_;
  const bool wildcard_;
  const MeshView& view_;
  Listener listener_;
};

Listener virtual_outbound(const MeshView& view) {
  Listener listener = wildcard_listener(view.node(), kOutboundPort);
  listener.set_name("virtualOutbound");
  listener.set_traffic_direction(envoy::config::core::v3::TrafficDirection::OUTBOUND);
  listener.mutable_use_original_dst()->set_value(true);
  if (view.node().interception == Interception::kTproxy) listener.mutable_transparent()->set_value(true);
  // Who connects to the port itself would be sent back to it for ever.
  FilterChain& own = *listener.add_filter_chains();
  own.set_name("virtualOutbound-blackhole");
  own.mutable_filter_chain_match()->mutable_destination_port()->set_value(kOutboundPort);
  add_tcp(kBlackHoleCluster, {{kBlackHoleCluster, 1}}, {}, own);
  FilterChain& rest = *listener.add_filter_chains();
  rest.set_name("virtualOutbound-catchall-tcp");
  const std::string cluster = view.unknown_cluster();
  add_tcp(cluster, {{cluster, 1}}, {}, rest);
  return listener;
}

}  // namespace

Layout build_intercepted_outbound(const std::vector<EgressGroup>& groups, const MeshView& view) {
  Plan plan(groups, view);
  Layout layout;
  layout.notes = plan.notes();
  layout.listeners.push_back(virtual_outbound(view));
  std::set<uint16_t> tables;          // that listeners name
  std::set<const MeshPort*> sniffed;  // a headless service has many listeners and one table
  for (const EgressGroup& group : groups) {
    for (const CalledPort& called : group.called) {
      if (group.own_socket() && called.is_http()) tables.insert(called.port->number);
    }
  }
  for (const auto& [key, place] : plan.places()) {
    const auto& [address, port] = key;
    if (address.empty() && is_reserved_port(port)) {
      layout.notes.emplace_back("listener " + listener_name(wildcard_address(view.node()), port),
                                "is left out: the proxy needs the port itself");
      continue;
    }
    layout.listeners.push_back(ListenerMaker(key, place, view).make());
    if (!place.http.empty()) tables.insert(port);
    const MeshPort* own = place.sniffed == nullptr ? nullptr : place.bytes.front().called.port;
    if (own != nullptr && sniffed.insert(own).second) {
      layout.routes.push_back(build_sniffed_routes(*place.sniffed, port, view));
    }
  }
  for (const auto& [port, services] : http_tables(groups)) {
    if (tables.contains(port)) layout.routes.push_back(build_route_configuration(port, services, view));
  }
  return layout;
}

}  // namespace remora::istio

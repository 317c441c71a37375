#include "explain/connection.h"

#include <algorithm>

#include "listener/chain_runtime.h"

namespace remora::explain {
namespace {

const ListenerConfig& config_of(const Listener& listener) { return *listener.runtime->config; }

bool is_any(const Address& address) {
  return address.is_ip() && address.host() == (address.family() == AF_INET ? "0.0.0.0" : "::");
}

/// The listener at an address: its own first, then that of any address at the port. As the kernel, and
/// Worker::find_listener_at, choose.
const Listener* listener_at(const std::vector<Listener>& listeners, const Address& wanted, bool bound_only) {
  const auto find = [&](auto fits) -> const Listener* {
    for (const auto& listener : listeners) {
      if (bound_only && !config_of(listener).bind_to_port) continue;
      std::vector<Address> addresses = listener.addresses;
      addresses.push_back(config_of(listener).address);
      for (const auto& more : config_of(listener).additional_addresses) addresses.push_back(more);
      if (std::ranges::any_of(addresses, fits)) return &listener;
    }
    return nullptr;
  };
  if (const auto* exact = find([&](const Address& address) { return address == wanted; })) return exact;
  if (is_any(wanted)) return find([&](const Address& address) { return address.port() == wanted.port(); });
  return find([&](const Address& address) {
    return address.is_ip() && address.port() == wanted.port() && is_any(address) &&
           address.family() == wanted.family();
  });
}

bool has(const ListenerConfig& config, ListenerFilter::Kind kind) {
  return std::ranges::any_of(config.listener_filters,
                             [kind](const ListenerFilter& filter) { return filter.kind == kind; });
}

/// The listener that the kernel's rules lead connections to which nobody listens for: in the direction asked
/// for, by default outbound.
const Listener* interceptor(const std::vector<Listener>& listeners, const Question& question) {
  const auto wanted =
      question.direction == "INBOUND" ? TrafficDirection::kInbound : TrafficDirection::kOutbound;
  const auto takes = [&](const Listener& listener) {
    const auto& config = config_of(listener);
    if (!config.bind_to_port || !has(config, ListenerFilter::Kind::kOriginalDst)) return false;
    return config.direction == wanted ||
           (config.direction == TrafficDirection::kUnspecified && !question.direction);
  };
  const auto found = std::ranges::find_if(listeners, takes);
  return found == listeners.end() ? nullptr : &*found;
}

void find_listener(const Question& question, const std::vector<Listener>& listeners, Landing& landing) {
  const Address& wanted = *question.destination;
  const auto* first = question.direction ? nullptr : listener_at(listeners, wanted, true);
  if (first != nullptr) {
    landing.listener = first;
    landing.why = "it listens at " + wanted.to_string();
    return;
  }
  const auto* taker = interceptor(listeners, question);
  if (taker == nullptr) return;
  landing.socket.restored = true;
  landing.listener = taker;
  landing.why = "nobody else listens at " + wanted.to_string() + ", and it takes redirected connections";
  if (!config_of(*taker).use_original_dst) return;
  const auto* other = listener_at(listeners, wanted, false);
  if (other == nullptr || other == taker) return;
  landing.listener = other;
  landing.why = "'" + config_of(*taker).name + "' takes redirected connections and hands those to " +
                wanted.to_string() + " over to it";
}

/// What the listener's filters would have found out by looking at the first bytes.
void inspect(const Question& question, const ListenerConfig& config, Landing& landing) {
  AcceptedSocket& socket = landing.socket;
  const bool tls_seen = has(config, ListenerFilter::Kind::kTlsInspector);
  if (question.tls && tls_seen) {
    socket.transport_protocol = kTls;
    socket.server_name = question.server_name;
    socket.application_protocols = question.application_protocols;
  } else if (question.tls) {
    landing.notes.emplace_back(
        "the listener has no TLS inspector: TLS, server name and ALPN do not count for the filter chain");
  }
  if (!question.tls && has(config, ListenerFilter::Kind::kHttpInspector))
    socket.application_protocols = {question.http2 ? "h2c" : "http/1.1"};
}

void note_listeners(const Address& wanted, const std::vector<Listener>& listeners, Landing& landing) {
  constexpr size_t kMostTold = 10;
  std::string text = "nobody listens at " + wanted.to_string() + "; listeners:";
  for (size_t i = 0; i < std::min(listeners.size(), kMostTold); ++i) {
    const auto& listener = listeners[i];
    const auto& address =
        listener.addresses.empty() ? config_of(listener).address : listener.addresses.front();
    text += (i == 0 ? " " : ", ") + config_of(listener).name + " (" + address.to_string() + ")";
  }
  landing.notes.push_back(text + (listeners.size() > kMostTold ? ", ..." : ""));
}

}  // namespace

Result<Landing> land(const Question& question, const std::vector<Listener>& listeners) {
  Landing landing;
  landing.socket.direct_remote = question.source;
  if (!question.listener.empty()) {
    const auto named = std::ranges::find(listeners, question.listener,
                                         [](const Listener& listener) { return config_of(listener).name; });
    if (named == listeners.end()) return Error{"listener: there is none named '" + question.listener + "'"};
    landing.listener = &*named;
    landing.why = "it was asked for by name";
  } else if (question.destination) {
    find_listener(question, listeners, landing);
  } else if (listeners.size() == 1) {
    landing.listener = &listeners.front();
    landing.why = "it is the only one";
  } else {
    return Error{"destination: is needed to choose among " + std::to_string(listeners.size()) +
                 " listeners (or listener: one's name)"};
  }
  if (landing.listener == nullptr) {
    note_listeners(*question.destination, listeners, landing);
    return landing;
  }
  const auto& config = config_of(*landing.listener);
  const auto& bound =
      landing.listener->addresses.empty() ? config.address : landing.listener->addresses.front();
  landing.socket.local =
      question.destination && !is_any(*question.destination) ? *question.destination : bound;
  inspect(question, config, landing);
  const AcceptedSocket& socket = landing.socket;
  landing.chain = landing.listener->runtime->choose({socket.local, socket.direct_remote, socket.speaks_for(),
                                                     socket.server_name, socket.transport_protocol,
                                                     socket.application_protocols});
  return landing;
}

}  // namespace remora::explain

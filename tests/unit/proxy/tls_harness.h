#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/byte_queue.h"
#include "net/transport.h"
#include "proxy/certificates.h"
#include "remora/config/tls.h"
#include "remora/http/tls_info.h"
#include "tls/tls_contexts.h"

namespace remora::test {

inline std::shared_ptr<const TlsCertificate> pair_of(const Issued& issued, std::string chain = {}) {
  auto made = std::make_shared<TlsCertificate>();
  made->chain_pem = issued.certificate + chain;
  made->key_pem = issued.key;
  made->origin = "<inline>";
  return made;
}

inline SecretRef<TlsCertificate> inline_pair(const Issued& issued, std::string chain = {}) {
  return {pair_of(issued, std::move(chain)), {}};
}

inline std::shared_ptr<CertificateValidation> trusting(const std::string& ca_pem) {
  auto made = std::make_shared<CertificateValidation>();
  made->trusted_ca_pem = ca_pem;
  return made;
}

inline SanMatcher san_rule(SanMatcher::Type type, std::string value,
                           StringMatcher::Kind kind = StringMatcher::Kind::kExact) {
  SanMatcher rule;
  rule.type = type;
  rule.matcher.kind = kind;
  rule.matcher.value = std::move(value);
  return rule;
}

/// One side of a connection, with what its transport has sent and received.
struct Side {
  std::unique_ptr<Transport> transport;
  ByteQueue wire;     // sent, not yet delivered
  std::string plain;  // received

  [[nodiscard]] Transport::State state() const { return transport->state(); }
  [[nodiscard]] bool open() const { return state() == Transport::State::kOpen; }
  [[nodiscard]] std::string failure() const { return std::string(transport->failure()); }
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const size_t used = transport->send(bytes, wire);
      if (used == 0) return;
      bytes.remove_prefix(used);
    }
  }
  void receive(std::string_view bytes) { plain += transport->receive(bytes, wire); }
};

/// A client and a server whose wires are memory.
struct Link {
  Link(std::unique_ptr<Transport> client_side, std::unique_ptr<Transport> server_side)
      : client{std::move(client_side), {}, {}},
        server{std::move(server_side), {}, {}} {
    client.transport->start(client.wire);
    server.transport->start(server.wire);
  }

  /// Delivers, at most `piece` bytes at a time, until both wires are empty.
  void pump(size_t piece = 16 * 1024) {
    while (!client.wire.empty() || !server.wire.empty()) {
      deliver(client.wire, server, piece);
      deliver(server.wire, client, piece);
    }
  }
  [[nodiscard]] bool both_open() const { return client.open() && server.open(); }

  Side client;
  Side server;

 private:
  static void deliver(ByteQueue& from, Side& to, size_t piece) {
    if (from.empty()) return;
    const std::string bytes(from.view().substr(0, piece));
    from.consume(bytes.size());
    to.receive(bytes);
  }
};

/// Contexts, statistics and authorities for one test.
struct TlsWorld {
  StatsStore stats{2};
  TlsContexts contexts{stats};
  Authority ca;
  DownstreamTls down;
  UpstreamTls up;
  std::shared_ptr<TlsSlot<ServerTls>> server_slot;
  std::shared_ptr<TlsSlot<ClientTls>> client_slot;

  TlsWorld() {
    down.common.certificates = {
        inline_pair(ca.issue({.common_name = "server", .names = {"DNS:server.example"}}))};
    up.common.validation.content = trusting(ca.pem());
    up.common.parameters.maximum = TlsParameters::Version::kTls13;
    up.sni = "server.example";
  }
  Result<std::shared_ptr<TlsSlot<ServerTls>>> make_server() {
    return contexts.server(std::make_shared<const DownstreamTls>(down),
                           {{"listener.test.", "envoy_listener_", {}, {}}, true}, "listener 'test'");
  }
  Result<std::shared_ptr<TlsSlot<ClientTls>>> make_client() {
    return contexts.client(std::make_shared<const UpstreamTls>(up),
                           {{"cluster.test.", "envoy_cluster_", {}, {}}, false}, "cluster 'test'");
  }
  /// New slots from `down` and `up` as they are now.
  void apply() {
    server_slot = std::move(*make_server());
    client_slot = std::move(*make_client());
  }
  Link link(ClientHandshake wish = {.host = "10.0.0.1:443"}) {
    return Link(client_slot->current()->connect(wish), server_slot->current()->accept(1));
  }
  /// The sum of a statistic by its text name; 0 if there is none.
  [[nodiscard]] uint64_t stat(std::string_view name) const {
    for (const auto& scope : stats.scopes()) {
      if (!name.starts_with(scope->name().prefix)) continue;
      const auto rest = name.substr(scope->name().prefix.size());
      for (size_t i = 0; i < scope->schema().size(); ++i) {
        if (scope->schema()[i].name == rest) return scope->value(i);
      }
    }
    return 0;
  }
};

}  // namespace remora::test

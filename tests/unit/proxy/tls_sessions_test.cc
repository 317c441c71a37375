// Resumption: what may be resumed, and what must not.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "proxy/tls_harness.h"

namespace remora {
namespace {

using test::Authority;
using test::inline_pair;
using test::trusting;
using Version = TlsParameters::Version;

struct TlsSessionsTest : ::testing::Test, test::TlsWorld {
  TlsSessionsTest() { apply(); }

  /// Connects once, exchanges something so that tickets arrive, and says whether a session was resumed.
  bool resumed(ClientHandshake wish = {.host = "10.0.0.1:443"}) {
    auto link = this->link(wish);
    link.pump();
    EXPECT_TRUE(link.both_open()) << link.server.failure() << link.client.failure();
    link.server.send("x");
    link.pump();
    EXPECT_EQ(link.client.transport->info()->session_reused, link.server.transport->info()->session_reused);
    EXPECT_TRUE(link.client.transport->info()->peer_validated);
    return link.client.transport->info()->session_reused;
  }
  /// A new server context (of its own, with its own name) while the client's stays.
  void another_server() { server_slot = std::move(*make_server()); }
};

TEST_F(TlsSessionsTest, TicketsOfTls13) {
  EXPECT_FALSE(resumed());
  EXPECT_TRUE(resumed());
  EXPECT_TRUE(resumed());
  EXPECT_EQ(stat("listener.test.ssl.session_reused"), 2U);
  EXPECT_EQ(stat("cluster.test.ssl.session_reused"), 2U);
  EXPECT_FALSE(resumed({.host = "10.0.0.2:443"}));
  EXPECT_FALSE(resumed({.host = "10.0.0.1:443", .sni = "other"}));
  EXPECT_FALSE(resumed({}));
  EXPECT_TRUE(resumed());
}

TEST_F(TlsSessionsTest, TicketsAndSessionIdsOfTls12) {
  up.common.parameters.maximum = Version::kTls12;
  apply();
  EXPECT_FALSE(resumed());
  EXPECT_TRUE(resumed());
  down.disable_stateless_resumption = true;
  apply();
  EXPECT_FALSE(resumed());
  EXPECT_TRUE(resumed());  // by the session's id
  down.disable_stateful_resumption = true;
  apply();
  EXPECT_FALSE(resumed());
  EXPECT_FALSE(resumed());
}

// A session that was verified for one name must not be taken for another.
TEST_F(TlsSessionsTest, NeverForOtherExpectations) {
  const std::string right[] = {"server.example"};
  EXPECT_FALSE(resumed({.host = "10.0.0.1:443", .expected_sans = right}));
  EXPECT_TRUE(resumed({.host = "10.0.0.1:443", .expected_sans = right}));
  const std::string wrong[] = {"other.example"};
  auto link = this->link({.host = "10.0.0.1:443", .expected_sans = wrong});
  link.pump();
  EXPECT_EQ(link.client.state(), Transport::State::kFailed);
}

TEST_F(TlsSessionsTest, NoneWithoutKeysToKeepThem) {
  up.max_session_keys = 0;
  apply();
  EXPECT_FALSE(resumed());
  EXPECT_FALSE(resumed());
}

// Tickets are sealed with keys that all contexts of the process share: what keeps a session out of another
// chain is its context.
TEST_F(TlsSessionsTest, NeverUnderOtherRules) {
  const auto authority = std::make_unique<Authority>("Clients");
  up.common.certificates = {
      inline_pair(authority->issue({.common_name = "client", .names = {"DNS:c.example"}}))};
  auto rules = trusting(authority->pem());
  down.common.validation.content = rules;
  down.require_client_certificate = true;
  apply();
  EXPECT_FALSE(resumed());
  EXPECT_TRUE(resumed());
  another_server();  // the same once more, as after an update that changed nothing here
  EXPECT_TRUE(resumed());
  auto stricter = std::make_shared<CertificateValidation>(*rules);
  stricter->subject_alt_names = {test::san_rule(SanMatcher::Type::kDns, "c.example")};
  down.common.validation.content = stricter;
  another_server();
  EXPECT_FALSE(resumed());
  EXPECT_TRUE(resumed());
  stricter = std::make_shared<CertificateValidation>(*stricter);
  stricter->crl_pem = authority->revoke({});
  down.common.validation.content = stricter;
  another_server();
  EXPECT_FALSE(resumed());
}

TEST_F(TlsSessionsTest, NeverInAnotherFilterChain) {
  EXPECT_FALSE(resumed());
  server_slot = std::move(*contexts.server(std::make_shared<const DownstreamTls>(down),
                                           {{"listener.test.", "envoy_listener_", {}, {}}, true},
                                           "listener 'test': filter chain 'other'"));
  EXPECT_FALSE(resumed());
}

TEST_F(TlsSessionsTest, TheSameNamesMayHaveANewCertificate) {
  EXPECT_FALSE(resumed());
  down.common.certificates = {
      inline_pair(ca.issue({.common_name = "server", .names = {"DNS:server.example"}}))};
  another_server();
  EXPECT_TRUE(resumed());
}

TEST_F(TlsSessionsTest, GivenKeysOpenTicketsOfAnotherProcess) {
  auto keys = std::make_shared<SessionTicketKeys>();
  keys->keys.resize(1);
  keys->keys[0].fill(7);
  down.ticket_keys.content = keys;
  apply();
  EXPECT_FALSE(resumed());
  another_server();
  EXPECT_TRUE(resumed());
  auto rotated = std::make_shared<SessionTicketKeys>(*keys);
  rotated->keys.insert(rotated->keys.begin(), std::array<uint8_t, 80>{9});
  down.ticket_keys.content = rotated;
  another_server();
  EXPECT_TRUE(resumed());  // with the old key, and gets a ticket of the new one
  rotated = std::make_shared<SessionTicketKeys>();
  rotated->keys = {std::array<uint8_t, 80>{9}};
  down.ticket_keys.content = rotated;
  another_server();
  EXPECT_TRUE(resumed());
  rotated = std::make_shared<SessionTicketKeys>();
  rotated->keys = {std::array<uint8_t, 80>{1}};
  down.ticket_keys.content = rotated;
  another_server();
  EXPECT_FALSE(resumed());
}

TEST_F(TlsSessionsTest, TheClientCertificateIsKnownInAResumedSession) {
  up.common.certificates = {inline_pair(ca.issue({.common_name = "client", .names = {"URI:spiffe://a/b"}}))};
  down.common.validation.content = trusting(ca.pem());
  down.require_client_certificate = true;
  apply();
  resumed();
  auto link = this->link();
  link.pump();
  const auto info = link.server.transport->info();
  EXPECT_TRUE(info->session_reused);
  EXPECT_TRUE(info->peer_validated);
  ASSERT_NE(info->peer, nullptr);
  EXPECT_EQ(info->peer->uri_sans, std::vector<std::string>{"spiffe://a/b"});
}

}  // namespace
}  // namespace remora

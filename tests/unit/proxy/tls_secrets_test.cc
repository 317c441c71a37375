// Named secrets: waiting for them, changing them, bad ones, and what operators see of all that.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

#include "proxy/tls_harness.h"
#include "tls/check_secret.h"

namespace remora {
namespace {

using test::trusting;

struct TlsSecretsTest : ::testing::Test, test::TlsWorld {
  TlsSecretsTest() {
    down.common.certificates = {{nullptr, "default"}};
    up.common.validation = {nullptr, "ROOTCA"};
  }
  template <typename Content>
  Result<void> set(const std::string& name, Content content) {
    auto secret = std::make_shared<Secret>();
    secret->name = name;
    secret->content = std::move(content);
    return contexts.set_secret(std::move(secret));
  }
  Result<void> set_pair(const std::string& common_name) {
    return set("default",
               *test::pair_of(ca.issue({.common_name = common_name, .names = {"DNS:server.example"}})));
  }
  std::string shown() {
    auto link = this->link({});  // without a host: nothing is resumed
    link.pump();
    return link.both_open() ? link.client.transport->info()->peer->subject : link.client.failure();
  }
};

TEST_F(TlsSecretsTest, ContextsWaitForTheirSecrets) {
  apply();
  EXPECT_FALSE(server_slot->ready());
  EXPECT_EQ(server_slot->current(), nullptr);
  server_slot->stats().not_ready(1);
  EXPECT_EQ(stat("listener.test.server_ssl_socket_factory.downstream_context_secrets_not_ready"), 1U);
  ASSERT_TRUE(set_pair("one").ok());
  EXPECT_TRUE(server_slot->ready());
  EXPECT_FALSE(client_slot->ready());
  ASSERT_TRUE(set("ROOTCA", *trusting(ca.pem())).ok());
  EXPECT_EQ(shown(), "CN=one,O=remora");
  EXPECT_EQ(stat("listener.test.server_ssl_socket_factory.ssl_context_update_by_sds"), 1U);
}

TEST_F(TlsSecretsTest, ANewPairServesNewConnectionsAndOldOnesStay) {
  (void)set_pair("one");
  (void)set("ROOTCA", *trusting(ca.pem()));
  apply();
  auto old = link();
  old.pump();
  (void)set_pair("two");
  EXPECT_EQ(shown(), "CN=two,O=remora");
  old.client.send("still here");
  old.pump();
  EXPECT_EQ(old.server.plain, "still here");
}

TEST_F(TlsSecretsTest, ABadSecretLeavesTheOneBefore) {
  (void)set_pair("one");
  (void)set("ROOTCA", *trusting(ca.pem()));
  apply();
  auto half = *test::pair_of(ca.issue({.common_name = "two"}));
  half.key_pem = ca.issue({.rsa = true}).key;
  const auto refused = set("default", half);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message,
            "secret 'default': <inline>: the private key does not fit the certificate: different key types");
  EXPECT_EQ(shown(), "CN=one,O=remora");
  const auto junk = set("ROOTCA", *trusting("no certificate"));
  EXPECT_EQ(junk.error().message, "secret 'ROOTCA': trusted CA: there is no certificate in it");
  EXPECT_EQ(shown(), "CN=one,O=remora");
  EXPECT_EQ(set("tickets", SessionTicketKeys{}).error().message,
            "secret 'tickets': session_ticket_keys: at least one key is needed");
  // A good secret of the wrong kind is no reason to lose a working context either.
  ASSERT_TRUE(set("default", *trusting(ca.pem())).ok());
  EXPECT_EQ(shown(), "CN=one,O=remora");
}

TEST_F(TlsSecretsTest, ARemovedSecretIsMissedByNewContextsOnly) {
  (void)set_pair("one");
  (void)set("ROOTCA", *trusting(ca.pem()));
  apply();
  contexts.remove_secret("default");
  EXPECT_EQ(shown(), "CN=one,O=remora");
  EXPECT_FALSE((*make_server())->ready());
}

TEST_F(TlsSecretsTest, ANamedContextIsMergedOverTheDefaults) {
  auto defaults = std::make_shared<CertificateValidation>();
  defaults->subject_alt_names = {test::san_rule(SanMatcher::Type::kDns, "server.example")};
  up.common.validation_defaults = defaults;
  (void)set_pair("one");
  apply();
  ASSERT_TRUE(set("ROOTCA", *trusting(ca.pem())).ok());
  EXPECT_EQ(shown(), "CN=one,O=remora");
  (void)set("default", *test::pair_of(ca.issue({.names = {"DNS:other.example"}})));
  EXPECT_NE(shown().find("verify cert failed: SAN matcher"), std::string::npos);
  auto more = trusting(ca.pem());  // lists add up
  more->subject_alt_names = {test::san_rule(SanMatcher::Type::kDns, "other.example")};
  (void)set("ROOTCA", *more);
  EXPECT_EQ(shown(), "CN=test,O=remora");
}

TEST_F(TlsSecretsTest, CheckedWithoutBeingUsed) {
  Secret secret;
  secret.name = "pair";
  secret.content = *test::pair_of(ca.issue({}));
  EXPECT_TRUE(check_secret(secret).ok());
  std::get<TlsCertificate>(secret.content).key_pem = "half";
  EXPECT_EQ(check_secret(secret).error().message, "secret 'pair': <inline>: private key: unsupported");
}

TEST_F(TlsSecretsTest, OperatorsSeeWhatIsInUseAndWhenItExpires) {
  (void)set("ROOTCA", *trusting(ca.pem()));
  (void)set("default", *test::pair_of(ca.issue({.names = {"DNS:a", "URI:spiffe://b/c", "IP:10.0.0.1"},
                                                .ends_s = 3 * 86400 + 600,
                                                .serial = 0x1234})));
  apply();
  const auto now = std::chrono::system_clock::now();
  EXPECT_EQ(contexts.days_until_first_expiry(now), 3U);
  std::vector<CertificateSet> sets;
  contexts.each_context([&](const CertificateSet& set) { sets.push_back(set); });
  ASSERT_EQ(sets.size(), 2U);
  ASSERT_EQ(sets[0].chain.size(), 1U);
  const auto& entry = sets[0].chain[0];
  EXPECT_EQ(entry.serial, "1234");
  EXPECT_EQ(entry.path, "<inline>");
  using Names = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(entry.subject_alt_names,
            (Names{{"dns", "a"}, {"uri", "spiffe://b/c"}, {"ip_address", "10.0.0.1"}}));
  EXPECT_TRUE(sets[0].ca.empty());
  EXPECT_EQ(sets[1].ca.size(), 1U);
  const auto expires = stat("listener.test.ssl.certificate.default.expiration_unix_time_seconds");
  EXPECT_NEAR(static_cast<double>(expires),
              static_cast<double>(std::chrono::system_clock::to_time_t(now) + 3 * 86400 + 600), 5);
  EXPECT_EQ(contexts.days_until_first_expiry(now + std::chrono::hours(96)), 0U);
  server_slot = nullptr;
  EXPECT_EQ(contexts.days_until_first_expiry(now), 30U);  // of the authority
  client_slot = nullptr;
  EXPECT_EQ(contexts.days_until_first_expiry(now), UINT32_MAX);
}

}  // namespace
}  // namespace remora

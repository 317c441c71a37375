// Whose certificate is taken, whose is refused, with which alert, statistic and text.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "proxy/tls_harness.h"

namespace remora {
namespace {

using test::Authority;
using test::CertificateWish;
using test::inline_pair;
using test::san_rule;
using test::trusting;
using Type = SanMatcher::Type;

/// A server that asks clients for certificates, by rules that a test changes.
struct TlsVerificationTest : ::testing::Test, test::TlsWorld {
  std::shared_ptr<CertificateValidation> rules = trusting(ca.pem());

  TlsVerificationTest() {
    down.common.validation.content = rules;
    down.require_client_certificate = true;
    show({.common_name = "client", .names = {"URI:spiffe://mesh/ns/a/sa/b", "DNS:client.example"}});
  }
  void show(const CertificateWish& wish) { up.common.certificates = {inline_pair(ca.issue(wish))}; }
  /// Expects that the server takes the client.
  TlsInfo taken() {
    apply();
    auto link = this->link();
    link.pump();
    EXPECT_TRUE(link.both_open()) << link.server.failure() << " | " << link.client.failure();
    return link.server.transport->info() ? *link.server.transport->info() : TlsInfo{};
  }
  /// Expects that it does not, and returns what both sides say: "<server's> <client's>".
  std::string refused() {
    apply();
    auto link = this->link();
    link.pump();
    EXPECT_EQ(link.server.state(), Transport::State::kFailed);
    EXPECT_EQ(link.server.transport->info(), nullptr);
    EXPECT_EQ(link.client.state(), Transport::State::kFailed);
    return link.server.failure() + " " + link.client.failure();
  }
  void expect(const std::string& text, std::initializer_list<const char*> parts) {
    for (const auto* part : parts)
      EXPECT_NE(text.find(part), std::string::npos) << part << " is not in " << text;
  }
};

TEST_F(TlsVerificationTest, AClientOfOurAuthorityIsTaken) {
  const auto info = taken();
  EXPECT_TRUE(info.peer_presented);
  EXPECT_TRUE(info.peer_validated);
  EXPECT_EQ(info.peer->uri_sans, std::vector<std::string>{"spiffe://mesh/ns/a/sa/b"});
  EXPECT_EQ(stat("listener.test.ssl.no_certificate"), 0U);
  EXPECT_EQ(stat("listener.test.ssl.sigalgs.ecdsa_secp256r1_sha256"), 1U);
}

TEST_F(TlsVerificationTest, NoCertificateWhereOneIsRequired) {
  up.common.certificates.clear();
  expect(refused(), {"PEER_DID_NOT_RETURN_A_CERTIFICATE", "ALERT_CERTIFICATE_REQUIRED"});
  EXPECT_EQ(stat("listener.test.ssl.fail_verify_no_cert"), 1U);
  EXPECT_EQ(stat("listener.test.ssl.connection_error"), 0U);
}

TEST_F(TlsVerificationTest, NoCertificateWhereNoneIsRequired) {
  down.require_client_certificate = false;
  up.common.certificates.clear();
  EXPECT_FALSE(taken().peer_presented);
}

TEST_F(TlsVerificationTest, AnotherAuthority) {
  const Authority stranger("Stranger");
  up.common.certificates = {inline_pair(stranger.issue({.names = {"DNS:client.example"}}))};
  expect(refused(), {"CERTIFICATE_VERIFY_FAILED:verify cert failed: X509_verify_cert", "ALERT_UNKNOWN_CA"});
  EXPECT_EQ(stat("listener.test.ssl.fail_verify_error"), 1U);
  EXPECT_EQ(stat("listener.test.ssl.connection_error"), 0U);
}

// The right name does not make up for the wrong authority.
TEST_F(TlsVerificationTest, AnotherAuthorityWithTheRightName) {
  const Authority stranger("Stranger");
  rules->subject_alt_names = {san_rule(Type::kDns, "client.example")};
  const auto forged = stranger.issue({.names = {"DNS:client.example"}});
  rules->certificate_hashes = {test::certificate_hash(forged.certificate)};
  up.common.certificates = {inline_pair(forged)};
  expect(refused(), {"verify cert failed: X509_verify_cert", "ALERT_UNKNOWN_CA"});
}

// Rules that only a certificate can satisfy make it required, whatever require_client_certificate says.
TEST_F(TlsVerificationTest, NoCertificateWhereANameIsAskedFor) {
  down.require_client_certificate = false;
  up.common.certificates.clear();
  rules->subject_alt_names = {san_rule(Type::kDns, "client.example")};
  expect(refused(), {"PEER_DID_NOT_RETURN_A_CERTIFICATE"});
  rules->subject_alt_names.clear();
  rules->spki_hashes = {std::string(32, 'x')};
  expect(refused(), {"PEER_DID_NOT_RETURN_A_CERTIFICATE"});
}

TEST_F(TlsVerificationTest, ExpiredAndNotYetValid) {
  show({.ends_s = -60});
  expect(refused(), {"certificate has expired", "ALERT_CERTIFICATE_EXPIRED"});
  show({.starts_s = 3600});
  expect(refused(), {"certificate is not yet valid", "ALERT_BAD_CERTIFICATE"});
  rules->allow_expired = true;
  EXPECT_TRUE(taken().peer_validated);
}

TEST_F(TlsVerificationTest, ForServersOnly) {
  show({.extended_key_usage = "serverAuth"});
  expect(refused(), {"ALERT_UNSUPPORTED_CERTIFICATE"});
  show({.extended_key_usage = "clientAuth"});
  taken();
}

TEST_F(TlsVerificationTest, NamesByTypeAndByHowTheyAreCompared) {
  const auto holds = [&](SanMatcher rule) {
    rules->subject_alt_names = {std::move(rule)};
    apply();
    auto link = this->link();
    link.pump();
    return link.both_open();
  };
  using Kind = StringMatcher::Kind;
  show({.names = {"URI:spiffe://mesh/ns/a/sa/b", "DNS:*.apps.example", "IP:10.1.2.3", "IP:::1",
                  "email:ops@example.com", "otherName:1.2.3.4;UTF8:someone"}});
  EXPECT_TRUE(holds(san_rule(Type::kUri, "spiffe://mesh/ns/a/sa/b")));
  EXPECT_FALSE(holds(san_rule(Type::kUri, "spiffe://mesh/ns/a/sa/c")));
  EXPECT_TRUE(holds(san_rule(Type::kUri, "spiffe://mesh/", Kind::kPrefix)));
  EXPECT_FALSE(holds(san_rule(Type::kDns, "spiffe://mesh/ns/a/sa/b")));
  EXPECT_TRUE(holds(san_rule(Type::kDns, "one.apps.example")));
  EXPECT_FALSE(holds(san_rule(Type::kDns, "one.two.apps.example")));
  EXPECT_FALSE(holds(san_rule(Type::kDns, "apps.example")));
  EXPECT_TRUE(holds(san_rule(Type::kDns, ".apps.example", Kind::kSuffix)));
  EXPECT_TRUE(holds(san_rule(Type::kIp, "10.1.2.3")));
  EXPECT_TRUE(holds(san_rule(Type::kIp, "::1")));
  EXPECT_FALSE(holds(san_rule(Type::kIp, "10.1.2.4")));
  EXPECT_TRUE(holds(san_rule(Type::kEmail, "ops@example.com")));
  EXPECT_TRUE(holds(san_rule(Type::kAny, "ops@example.com")));
  auto other = san_rule(Type::kOther, "someone");
  other.oid = "1.2.3.4";
  EXPECT_TRUE(holds(other));
  other.oid = "1.2.3.5";
  EXPECT_FALSE(holds(other));
  EXPECT_GE(stat("listener.test.ssl.fail_verify_san"), 5U);
}

TEST_F(TlsVerificationTest, AWrongNameIsToldWithTheNamesThereAre) {
  rules->subject_alt_names = {san_rule(Type::kUri, "spiffe://mesh/ns/a/sa/other")};
  expect(refused(),
         {"verify cert failed: SAN matcher, certificate SANs are [spiffe://mesh/ns/a/sa/b, client.example]",
          "ALERT_BAD_CERTIFICATE"});
}

// CVE-2021-43618's kind: what is compared as a C string ends where the attacker says.
TEST_F(TlsVerificationTest, ANameWithANulByteIsNoName) {
  rules->subject_alt_names = {san_rule(Type::kDns, "good.example")};
  show({.raw_dns = std::string("good.example\0.evil.example", 26)});
  expect(refused(), {"certificate SANs are []"});
  rules->subject_alt_names = {san_rule(Type::kDns, "good.example", StringMatcher::Kind::kPrefix)};
  refused();
  rules->subject_alt_names.clear();
  EXPECT_TRUE(taken().peer->dns_sans.empty());
}

TEST_F(TlsVerificationTest, Hashes) {
  const auto client = ca.issue({.common_name = "pinned"});
  up.common.certificates = {inline_pair(client)};
  rules->certificate_hashes = {test::certificate_hash(client.certificate)};
  taken();
  rules->certificate_hashes = {std::string(32, 'x')};
  expect(refused(), {"verify cert failed: cert hash and spki"});
  EXPECT_EQ(stat("listener.test.ssl.fail_verify_cert_hash"), 1U);
  rules->spki_hashes = {test::spki_hash(client.certificate)};  // one of either list is enough
  taken();
  rules->trusted_ca_pem.clear();  // a pinned certificate needs no authority
  EXPECT_TRUE(taken().peer_validated);
}

TEST_F(TlsVerificationTest, RevokedCertificates) {
  const auto good = ca.issue({.common_name = "good"});
  const auto bad = ca.issue({.common_name = "bad"});
  rules->crl_pem = ca.revoke({bad.certificate});
  up.common.certificates = {inline_pair(good)};
  taken();
  up.common.certificates = {inline_pair(bad)};
  expect(refused(), {"certificate revoked", "ALERT_CERTIFICATE_REVOKED"});
}

TEST_F(TlsVerificationTest, RevocationOfTheLeafOnly) {
  const Authority intermediate(ca, "Intermediate");
  const auto leaf = intermediate.issue({.common_name = "leaf"});
  up.common.certificates = {inline_pair(leaf, intermediate.pem())};
  rules->crl_pem = intermediate.revoke({});
  refused();  // there is no list of the root's
  rules->only_verify_leaf_crl = true;
  taken();
}

TEST_F(TlsVerificationTest, AnIntermediateMayBeTheAuthority) {
  const Authority intermediate(ca, "Intermediate");
  rules->trusted_ca_pem = intermediate.pem();
  up.common.certificates = {inline_pair(intermediate.issue({}))};
  taken();
}

TEST_F(TlsVerificationTest, ChainsAreOnlySoLong) {
  const Authority one(ca, "One");
  const Authority two(one, "Two");
  up.common.certificates = {inline_pair(two.issue({}), two.pem() + one.pem())};
  taken();
  rules->max_verify_depth = 1;
  refused();
}

TEST_F(TlsVerificationTest, UntrustedOnesMayBeWelcomeButAreNotValidated) {
  const Authority stranger("Stranger");
  rules->accept_untrusted = true;
  up.common.certificates = {inline_pair(stranger.issue({.common_name = "who"}))};
  const auto info = taken();
  EXPECT_TRUE(info.peer_presented);
  EXPECT_FALSE(info.peer_validated);
  EXPECT_EQ(info.peer->subject, "CN=who,O=remora");
  EXPECT_EQ(stat("listener.test.ssl.fail_verify_error"), 1U);
}

TEST_F(TlsVerificationTest, NamesWithoutAnAuthorityAreRefusedAsConfiguration) {
  rules->trusted_ca_pem.clear();
  rules->subject_alt_names = {san_rule(Type::kDns, "a")};
  const auto made = make_server();
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(
      made.error().message,
      "listener 'test': names of a certificate that no trusted CA vouches for prove nothing: trusted_ca is "
      "missing");
}

struct SpiffeTest : TlsVerificationTest {
  Authority other{"Other domain"};
  SpiffeTest() {
    rules->trusted_ca_pem.clear();
    rules->spiffe_trust_domains = {{"mesh", ca.pem()}, {"other", other.pem()}};
  }
};

TEST_F(SpiffeTest, EachTrustDomainHasItsOwnAuthority) {
  EXPECT_TRUE(taken().peer_validated);
  up.common.certificates = {inline_pair(other.issue({.names = {"URI:spiffe://other/x"}}))};
  taken();
  up.common.certificates = {inline_pair(other.issue({.names = {"URI:spiffe://mesh/x"}}))};
  expect(refused(), {"verify cert failed: X509_verify_cert"});
  show({.names = {"URI:spiffe://elsewhere/x"}});
  expect(refused(), {"SPIFFE: no trust bundle for trust domain 'elsewhere'"});
}

TEST_F(SpiffeTest, TheLeafMustBeAnIdentityAndNothingElse) {
  show({.names = {"URI:spiffe://mesh/a", "URI:spiffe://mesh/b"}});
  expect(refused(), {"SPIFFE: the leaf certificate must have exactly one URI SAN"});
  show({.names = {"DNS:mesh"}});
  expect(refused(), {"exactly one URI SAN"});
  show({.names = {"URI:https://mesh/a"}});
  expect(refused(), {"'https://mesh/a' is no SPIFFE id"});
  show({.names = {"URI:spiffe://mesh/a"}, .authority = true});
  expect(refused(), {"SPIFFE: the leaf certificate is a CA"});
  show({.names = {"URI:spiffe://mesh/a"}, .key_usage = "digitalSignature,cRLSign"});
  expect(refused(), {"may sign certificates or revocation lists"});
}

TEST_F(SpiffeTest, OnlyTheUriIsAName) {
  rules->subject_alt_names = {san_rule(Type::kAny, "client.example")};
  refused();
  rules->subject_alt_names = {san_rule(Type::kUri, "spiffe://mesh/ns/", StringMatcher::Kind::kPrefix)};
  taken();
}

/// The same from the client's side.
struct TlsServerCheckTest : ::testing::Test, test::TlsWorld {
  /// What the client says about the server; "" if it takes it.
  std::string verdict(ClientHandshake wish = {}) {
    apply();
    auto link = this->link(wish);
    link.pump();
    return link.client.open() ? "" : link.client.failure() + " " + link.server.failure();
  }
  void serve(const CertificateWish& wish) { down.common.certificates = {inline_pair(ca.issue(wish))}; }
};

TEST_F(TlsServerCheckTest, WithoutRulesAnyServerIsTaken) {
  up.common.validation.content = nullptr;
  serve({.common_name = "any", .ends_s = -10});
  EXPECT_EQ(verdict(), "");
}

TEST_F(TlsServerCheckTest, ExpectedNamesReplaceTheConfiguredOnes) {
  serve({.names = {"DNS:*.example", "IP:10.0.0.9"}});
  const auto check = [&](std::string name) {
    const std::string names[] = {std::move(name)};
    return verdict({.expected_sans = names});
  };
  EXPECT_EQ(check("a.example"), "");
  EXPECT_EQ(check("A.EXAMPLE"), "");
  EXPECT_EQ(check("10.0.0.9"), "");
  EXPECT_NE(check("a.b.example").find("verify SAN list, expected SANs: [a.b.example]"), std::string::npos);
  EXPECT_NE(check("example").find("ALERT_BAD_CERTIFICATE"), std::string::npos);
  EXPECT_NE(check("10.0.0.8"), "");
}

TEST_F(TlsServerCheckTest, TheNameThatWasAskedForMustBeThere) {
  up.auto_sni_san_validation = true;
  EXPECT_EQ(verdict(), "");
  EXPECT_NE(verdict({.sni = "other.example"}), "");
  up.common.validation.content = nullptr;
  EXPECT_EQ(make_client().error().message, "cluster 'test': auto_sni_san_validation needs a trusted_ca");
}

TEST_F(TlsServerCheckTest, RsaKeysMustBeMeantForWhatTheyDo) {
  serve({.rsa = true, .key_usage = "keyEncipherment"});
  EXPECT_NE(verdict().find("KEY_USAGE_BIT_INCORRECT"), std::string::npos);
  up.enforce_rsa_key_usage = false;
  EXPECT_EQ(verdict(), "");
  EXPECT_EQ(stat("cluster.test.ssl.fail_verify_error"), 1U);
}

TEST_F(TlsServerCheckTest, AClientCertificateCannotServe) {
  serve({.extended_key_usage = "clientAuth"});
  EXPECT_NE(verdict().find("ALERT_UNSUPPORTED_CERTIFICATE"), std::string::npos);
}

}  // namespace
}  // namespace remora

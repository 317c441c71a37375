// Which certificate a client gets, which ones are refused when they are loaded, and what is agreed on.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "proxy/tls_harness.h"

namespace remora {
namespace {

using test::CertificateWish;
using test::inline_pair;
using test::Issued;
using Version = TlsParameters::Version;

struct TlsCertificatesTest : ::testing::Test, test::TlsWorld {
  TlsCertificatesTest() { up.common.validation.content = nullptr; }

  void serve(const std::vector<CertificateWish>& wishes) {
    down.common.certificates.clear();
    for (const auto& wish : wishes) down.common.certificates.push_back(inline_pair(ca.issue(wish)));
  }
  /// The common name of the certificate that a client gets which asks for `sni`; "" if it gets none.
  std::string shown(const std::string& sni) {
    up.sni = sni;
    apply();
    auto link = this->link();
    link.pump();
    if (!link.both_open()) return "";
    const auto& subject = link.client.transport->info()->peer->subject;
    EXPECT_EQ(subject, link.server.transport->info()->local->subject);
    return subject.substr(3, subject.find(',') - 3);
  }
  std::string why_not() {
    const auto made = make_server();
    return made.ok() ? "" : made.error().message;
  }
  void only_rsa() { up.common.parameters.signature_algorithms = {"rsa_pss_rsae_sha256"}; }
};

TEST_F(TlsCertificatesTest, TheServerNameChooses) {
  serve({{.common_name = "first", .names = {"DNS:a.example", "DNS:b.example"}},
         {.common_name = "wild", .names = {"DNS:*.example"}},
         {.common_name = "exact", .names = {"DNS:c.example"}},
         {.common_name = "Plain.example"}});
  EXPECT_EQ(shown("b.example"), "first");
  EXPECT_EQ(shown("B.EXAMPLE"), "first");
  EXPECT_EQ(shown("c.example"), "exact");
  EXPECT_EQ(shown("d.example"), "wild");
  EXPECT_EQ(shown("e.d.example"), "first");  // a wildcard is one label
  EXPECT_EQ(shown("nowhere"), "first");
  EXPECT_EQ(shown(""), "first");
  serve({{.common_name = "first", .names = {"DNS:a.example"}}, {.common_name = "Plain.example"}});
  EXPECT_EQ(shown("plain.example"), "Plain.example");  // no DNS name: the common name counts
}

TEST_F(TlsCertificatesTest, EcdsaIsPreferredWhereTheClientCan) {
  serve({{.common_name = "rsa", .names = {"DNS:a.example"}, .rsa = true},
         {.common_name = "ecdsa", .names = {"DNS:a.example"}}});
  EXPECT_EQ(shown("a.example"), "ecdsa");
  EXPECT_EQ(shown(""), "ecdsa");
  EXPECT_EQ(shown("nowhere"), "rsa");  // the first, without a scan
  down.full_scan_on_sni_mismatch = true;
  EXPECT_EQ(shown("nowhere"), "ecdsa");
  up.common.parameters.maximum = Version::kTls12;
  EXPECT_EQ(shown("a.example"), "ecdsa");
  only_rsa();
  up.common.parameters.cipher_suites = {"ECDHE-RSA-AES128-GCM-SHA256"};
  EXPECT_EQ(shown("a.example"), "rsa");
  up.common.parameters.maximum = Version::kTls13;
  EXPECT_EQ(shown("a.example"), "rsa");
}

TEST_F(TlsCertificatesTest, ARequiredServerNameMustBeOneOfOurs) {
  down.require_sni = true;
  EXPECT_EQ(shown("server.example"), "server");
  EXPECT_EQ(shown("other.example"), "");
  EXPECT_EQ(shown(""), "");
  auto link = this->link();
  link.pump();
  EXPECT_NE(link.client.failure().find("UNRECOGNIZED_NAME"), std::string::npos) << link.client.failure();
  EXPECT_NE(link.server.failure().find("the client sent no server name"), std::string::npos);
}

TEST_F(TlsCertificatesTest, ProtocolsByOurPreference) {
  const auto agreed = [&](std::vector<std::string> ours, std::vector<std::string> theirs) {
    down.common.alpn = std::move(ours);
    up.common.alpn = std::move(theirs);
    apply();
    auto link = this->link();
    link.pump();
    EXPECT_TRUE(link.both_open());
    EXPECT_EQ(link.client.transport->info()->alpn, link.server.transport->info()->alpn);
    return link.server.transport->info()->alpn;
  };
  EXPECT_EQ(agreed({"h2", "http/1.1"}, {"http/1.1", "h2"}), "h2");
  EXPECT_EQ(agreed({"http/1.1"}, {"h2", "http/1.1"}), "http/1.1");
  EXPECT_EQ(agreed({"h2"}, {"http/1.1"}), "");  // no overlap: goes on without
  EXPECT_EQ(agreed({}, {"h2"}), "");
  EXPECT_EQ(agreed({"h2"}, {}), "");
  const std::string wished[] = {"h2"};
  down.common.alpn = {"http/1.1", "h2"};
  up.common.alpn = {"http/1.1"};
  apply();
  auto link = this->link({.alpn = wished});
  link.pump();
  EXPECT_EQ(link.server.transport->info()->alpn, "h2");
}

TEST_F(TlsCertificatesTest, VersionsMustOverlap) {
  down.common.parameters.minimum = Version::kTls13;
  up.common.parameters.maximum = Version::kAuto;  // TLS 1.2 for clients
  apply();
  auto link = this->link();
  link.pump();
  EXPECT_NE(link.client.failure().find("ALERT_PROTOCOL_VERSION"), std::string::npos) << link.client.failure();
  EXPECT_NE(link.server.failure().find("UNSUPPORTED_PROTOCOL"), std::string::npos) << link.server.failure();
  down.common.parameters = {
      .minimum = Version::kTls11, .maximum = Version::kTls11, .cipher_suites = {"ECDHE-ECDSA-AES128-SHA"}};
  up.common.parameters.cipher_suites = {"ALL"};
  up.common.parameters.minimum = Version::kTls10;
  apply();
  auto old = this->link();
  old.pump();
  ASSERT_TRUE(old.both_open()) << old.server.failure() << old.client.failure();
  EXPECT_EQ(old.server.transport->info()->version, "TLSv1.1");
}

TEST_F(TlsCertificatesTest, CipherSuitesAndCurves) {
  up.common.parameters = {.maximum = Version::kTls12};
  down.common.parameters.cipher_suites = {"[ECDHE-ECDSA-AES256-GCM-SHA384|ECDHE-ECDSA-CHACHA20-POLY1305]",
                                          "ECDHE-ECDSA-AES128-GCM-SHA256"};
  down.common.parameters.curves = {"P-384"};
  up.common.parameters.curves = {"P-256", "P-384"};
  apply();
  auto link = this->link();
  link.pump();
  ASSERT_TRUE(link.both_open()) << link.server.failure() << link.client.failure();
  EXPECT_EQ(link.server.transport->info()->cipher, "ECDHE-ECDSA-AES256-GCM-SHA384");
  EXPECT_EQ(stat("listener.test.ssl.curves.P-384"), 1U);
  up.common.parameters.cipher_suites = {"ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES256-GCM-SHA384"};
  apply();
  auto mobile = this->link();
  mobile.pump();
  EXPECT_EQ(mobile.server.transport->info()->cipher, "ECDHE-ECDSA-CHACHA20-POLY1305");
  up.common.parameters.cipher_suites = {"ECDHE-RSA-AES128-GCM-SHA256"};
  apply();
  auto none = this->link();
  none.pump();
  EXPECT_NE(none.server.failure().find("NO_SHARED_CIPHER"), std::string::npos) << none.server.failure();
  EXPECT_NE(none.client.failure().find("ALERT_HANDSHAKE_FAILURE"), std::string::npos)
      << none.client.failure();
}

TEST_F(TlsCertificatesTest, UnknownParametersAreRefusedByName) {
  down.common.parameters.cipher_suites = {"ECDHE-ECDSA-AES128-GCM-SHA256", "MADE-UP"};
  EXPECT_EQ(why_not(), "listener 'test': tls_params.cipher_suites: unknown cipher suite 'MADE-UP'");
  down.common.parameters = {.curves = {"P-999"}};
  EXPECT_EQ(why_not(), "listener 'test': tls_params.ecdh_curves: OpenSSL does not know all of 'P-999'");
  down.common.parameters = {.signature_algorithms = {"rot13"}};
  EXPECT_EQ(why_not(),
            "listener 'test': tls_params.signature_algorithms: OpenSSL does not know all of 'rot13'");
  down.common.parameters = {.minimum = Version::kTls13, .maximum = Version::kTls12};
  EXPECT_EQ(
      why_not(),
      "listener 'test': tls_params: tls_minimum_protocol_version is above tls_maximum_protocol_version");
  down.common.parameters = {};
  down.common.alpn = {""};
  EXPECT_EQ(why_not(), "listener 'test': alpn_protocols: '' must have 1 to 255 bytes");
}

TEST_F(TlsCertificatesTest, PairsThatDoNotFitOrCannotBeRead) {
  const auto a = ca.issue({.common_name = "a"});
  const auto b = ca.issue({.common_name = "b", .rsa = true});
  const auto refuse = [&](TlsCertificate certificate) {
    certificate.origin = "/etc/pair.pem";
    down.common.certificates = {{std::make_shared<const TlsCertificate>(std::move(certificate)), {}}};
    return why_not();
  };
  const std::string where = "listener 'test': /etc/pair.pem: ";
  EXPECT_EQ(refuse({.chain_pem = a.certificate, .key_pem = b.key}),
            where + "the private key does not fit the certificate: different key types");
  EXPECT_EQ(refuse({.chain_pem = "nothing", .key_pem = a.key}), where + "certificate chain: no start line");
  EXPECT_EQ(refuse({.chain_pem = a.certificate}), where + "private key: unsupported");
  EXPECT_EQ(refuse({.chain_pem = a.certificate + a.certificate.substr(0, 200), .key_pem = a.key}),
            where + "certificate chain: bad end line");
  const auto weak = ca.issue({.rsa = true, .rsa_bits = 1024});
  EXPECT_EQ(refuse({.chain_pem = weak.certificate, .key_pem = weak.key}),
            where + "RSA keys below 2048 bits are not accepted");
  down.common.certificates.clear();
  EXPECT_EQ(why_not(), "listener 'test': a server needs a certificate");
}

TEST_F(TlsCertificatesTest, EncryptedKeysAndBundles) {
  const auto pair = ca.issue({.common_name = "sealed"});
  auto certificate = *test::pair_of(pair);
  certificate.key_pem = test::encrypted_key(pair.key, "open sesame");
  const auto use = [&] {
    down.common.certificates = {{std::make_shared<const TlsCertificate>(certificate), {}}};
  };
  use();
  EXPECT_NE(why_not(), "");
  certificate.password = "wrong";
  use();
  EXPECT_NE(why_not(), "");
  certificate.password = "open sesame";
  use();
  EXPECT_EQ(shown("x"), "sealed");
  certificate = {.pkcs12 = test::pkcs12(pair, "secret"), .password = "secret"};
  use();
  EXPECT_EQ(shown("x"), "sealed");
  certificate.password = "other";
  use();
  EXPECT_EQ(why_not(), "listener 'test': pkcs12: mac verify failure");
}

TEST_F(TlsCertificatesTest, OcspPolicies) {
  using Policy = DownstreamTls::OcspPolicy;
  const auto pair = ca.issue({.common_name = "stapled", .names = {"DNS:a.example"}});
  const auto with = [&](const std::string& response) {
    auto certificate = *test::pair_of(pair);
    certificate.ocsp_staple = response;
    down.common.certificates = {{std::make_shared<const TlsCertificate>(certificate), {}}};
  };
  with("junk");
  EXPECT_EQ(why_not(), "listener 'test': <inline>: OCSP staple: not an OCSP response");
  with(ca.vouch(ca.issue({}).certificate, 3600));
  EXPECT_EQ(why_not(), "listener 'test': <inline>: OCSP staple: it is about another certificate");
  with("");
  down.ocsp = Policy::kMustStaple;
  EXPECT_EQ(why_not(), "listener 'test': <inline>: ocsp_staple_policy MUST_STAPLE needs an OCSP staple");
  with(ca.vouch(pair.certificate, 3600));
  EXPECT_EQ(shown("a.example"), "stapled");  // a client that does not ask gets none
  EXPECT_EQ(stat("listener.test.ssl.ocsp_staple_requests"), 0U);
  down.ocsp = Policy::kLenient;
  down.common.certificates = {inline_pair(ca.issue({.tls_feature = "status_request"}))};
  EXPECT_EQ(why_not(), "listener 'test': <inline>: the certificate demands an OCSP staple");
}

}  // namespace
}  // namespace remora

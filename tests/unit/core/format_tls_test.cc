#include "remora/http/tls_info.h"
#include "unit/core/format_fixture.h"

namespace remora {
namespace {

struct FormatTlsTest : test::FormatTest {
  FormatTlsTest() {
    auto peer = std::make_shared<CertificateInfo>();
    peer->subject = "CN=client,O=remora";
    peer->issuer = "CN=ca";
    peer->serial = "0a1b";
    peer->sha256 = "2525";
    peer->sha1 = "1111";
    peer->uri_sans = {"spiffe://a/b", "spiffe://c/d"};
    peer->dns_sans = {"client.example"};
    peer->pem = "-----BEGIN%20CERT";
    peer->not_before = WallTime(std::chrono::seconds(1700000000));
    peer->not_after = WallTime(std::chrono::seconds(1800000000));
    auto local = std::make_shared<CertificateInfo>();
    local->subject = "CN=server";
    local->ip_sans = {"10.0.0.1"};
    tls_.version = "TLSv1.3";
    tls_.cipher = "TLS_AES_128_GCM_SHA256";
    tls_.session_id = "abcd";
    tls_.peer = peer;
    tls_.local = local;
  }
  TlsInfo tls_;
};

TEST_F(FormatTlsTest, OfTheClientsConnection) {
  info_.downstream_tls = &tls_;
  EXPECT_EQ(text("%DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_CIPHER% %DOWNSTREAM_TLS_SESSION_ID%"),
            "TLSv1.3 TLS_AES_128_GCM_SHA256 abcd");
  EXPECT_EQ(text("%DOWNSTREAM_PEER_SUBJECT% %DOWNSTREAM_PEER_ISSUER% %DOWNSTREAM_PEER_SERIAL%"),
            "CN=client,O=remora CN=ca 0a1b");
  EXPECT_EQ(text("%DOWNSTREAM_PEER_FINGERPRINT_256% %DOWNSTREAM_PEER_FINGERPRINT_1%"), "2525 1111");
  EXPECT_EQ(text("%DOWNSTREAM_PEER_URI_SAN% %DOWNSTREAM_PEER_DNS_SAN% %DOWNSTREAM_PEER_IP_SAN%"),
            "spiffe://a/b,spiffe://c/d client.example -");
  EXPECT_EQ(text("%DOWNSTREAM_LOCAL_SUBJECT% %DOWNSTREAM_LOCAL_IP_SAN% %DOWNSTREAM_LOCAL_URI_SAN%"),
            "CN=server 10.0.0.1 -");
  EXPECT_EQ(text("%DOWNSTREAM_PEER_CERT%"), "-----BEGIN%20CERT");
  EXPECT_EQ(text("%DOWNSTREAM_PEER_CERT_V_START% %DOWNSTREAM_PEER_CERT_V_END(%Y/%m/%d)%"),
            "2023-11-14T22:13:20.000Z 2027/01/15");
  EXPECT_EQ(text("%UPSTREAM_TLS_VERSION% %UPSTREAM_PEER_SUBJECT%"), "- -");
}

TEST_F(FormatTlsTest, OfTheUpstreamsConnection) {
  info_.upstream_tls = &tls_;
  EXPECT_EQ(
      text("%UPSTREAM_TLS_VERSION% %UPSTREAM_PEER_SUBJECT% %UPSTREAM_PEER_URI_SAN% %UPSTREAM_LOCAL_IP_SAN%"),
      "TLSv1.3 CN=client,O=remora spiffe://a/b,spiffe://c/d 10.0.0.1");
  EXPECT_EQ(text("%UPSTREAM_PEER_CERT% %UPSTREAM_PEER_CERT_V_END% %UPSTREAM_PEER_IP_SAN%"),
            "-----BEGIN%20CERT 2027-01-15T08:00:00.000Z -");
  EXPECT_EQ(text("%DOWNSTREAM_TLS_VERSION%"), "-");
}

TEST_F(FormatTlsTest, WithoutACertificate) {
  tls_.peer = nullptr;
  info_.downstream_tls = &tls_;
  EXPECT_EQ(text("%DOWNSTREAM_PEER_SUBJECT% %DOWNSTREAM_PEER_CERT_V_END% %DOWNSTREAM_TLS_VERSION%"),
            "- - TLSv1.3");
}

// The client writes it: what is no host name does not reach a log as it stands.
TEST_F(FormatTlsTest, TheRequestedNameIsMadeHarmless) {
  info_.requested_server_name = "shop.test";
  EXPECT_EQ(text("%REQUESTED_SERVER_NAME%"), "shop.test");
  info_.requested_server_name = "a\nb\"c";
  EXPECT_EQ(text("%REQUESTED_SERVER_NAME(SNI_ONLY)%"), "a_b_c");
  EXPECT_FALSE(Format::parse("%REQUESTED_SERVER_NAME(HOST_FIRST)%").ok());
}

TEST_F(FormatTlsTest, TheReasonOfAFailureHasNoBlanks) {
  info_.upstream_transport_failure = "TLS_error:|1:SSL routines:OPENSSL_internal:X:TLS_error_end";
  EXPECT_EQ(text("%UPSTREAM_TRANSPORT_FAILURE_REASON%"),
            "TLS_error:|1:SSL_routines:OPENSSL_internal:X:TLS_error_end");
}

}  // namespace
}  // namespace remora

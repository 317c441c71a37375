#include "client_cert_header.h"

#include <gtest/gtest.h>

namespace remora {
namespace {

using Forward = HttpConnectionManagerConfig::ForwardClientCert;

class ClientCertHeader : public testing::Test {
 protected:
  ClientCertHeader() {
    auto peer = std::make_shared<CertificateInfo>();
    peer->subject = R"(CN=client \"one\",O=Mesh)";
    peer->sha256 = "ab12";
    peer->uri_sans = {"spiffe://cluster.local/ns/a/sa/b", "spiffe://other/ns/a/sa/b"};
    peer->dns_sans = {"one.example", "two.example"};
    peer->pem = "-----BEGIN%20CERTIFICATE";
    peer->chain_pem = "-----BEGIN%20CHAIN";
    auto local = std::make_shared<CertificateInfo>();
    local->uri_sans = {"spiffe://cluster.local/ns/c/sa/server"};
    tls_.peer = peer_ = peer;
    tls_.local = local_ = local;
    tls_.peer_presented = true;
  }

  std::string forward(Forward mode, const TlsInfo* tls) {
    config_.forward_client_cert = mode;
    HeaderMap head;
    if (!claimed_.empty()) head.add(HeaderId::kXForwardedClientCert, claimed_);
    forward_client_cert(head, config_, tls, element_);
    const auto value = head.get(HeaderId::kXForwardedClientCert);
    return value ? std::string(*value) : "(absent)";
  }

  HttpConnectionManagerConfig config_;
  TlsInfo tls_;
  std::shared_ptr<CertificateInfo> peer_, local_;
  ClientCertElement element_;
  std::string claimed_ = "By=claimed";
};

constexpr const char* kOwn = "By=spiffe://cluster.local/ns/c/sa/server;Hash=ab12";

TEST_F(ClientCertHeader, OnlyAlwaysForwardKeepsAClaimThatNoCertificateBacks) {
  for (const auto mode :
       {Forward::kSanitize, Forward::kForwardOnly, Forward::kAppendForward, Forward::kSanitizeSet}) {
    EXPECT_EQ(forward(mode, nullptr), "(absent)");
    TlsInfo anonymous;
    EXPECT_EQ(forward(mode, &anonymous), "(absent)");
  }
  EXPECT_EQ(forward(Forward::kAlwaysForwardOnly, nullptr), "By=claimed");
}

TEST_F(ClientCertHeader, FiveModesWithACertificate) {
  EXPECT_EQ(forward(Forward::kSanitize, &tls_), "(absent)");
  EXPECT_EQ(forward(Forward::kForwardOnly, &tls_), "By=claimed");
  EXPECT_EQ(forward(Forward::kAlwaysForwardOnly, &tls_), "By=claimed");
  EXPECT_EQ(forward(Forward::kSanitizeSet, &tls_), kOwn);
  EXPECT_EQ(forward(Forward::kAppendForward, &tls_), std::string("By=claimed,") + kOwn);
  claimed_.clear();
  EXPECT_EQ(forward(Forward::kAppendForward, &tls_), kOwn);
}

TEST_F(ClientCertHeader, DetailsComeInEnvoysOrder) {
  config_.client_cert_details = {true, true, true, true, true};
  EXPECT_EQ(
      forward(Forward::kSanitizeSet, &tls_),
      std::string(kOwn) +
          R"(;Cert="-----BEGIN%20CERTIFICATE";Chain="-----BEGIN%20CHAIN";Subject="CN=client \"one\",O=Mesh")"
          ";URI=spiffe://cluster.local/ns/a/sa/b;DNS=one.example;DNS=two.example");
}

TEST_F(ClientCertHeader, ChangedDetailsAreSeenByTheNextRequest) {
  EXPECT_EQ(forward(Forward::kSanitizeSet, &tls_), kOwn);
  config_.client_cert_details.uri = true;
  EXPECT_EQ(forward(Forward::kSanitizeSet, &tls_),
            std::string(kOwn) + ";URI=spiffe://cluster.local/ns/a/sa/b");
}

TEST_F(ClientCertHeader, EmptyUriKeepsItsKeyAndNoLocalUriMeansNoBy) {
  config_.client_cert_details.uri = true;
  peer_->uri_sans.clear();
  local_->uri_sans.clear();
  EXPECT_EQ(forward(Forward::kSanitizeSet, &tls_), "Hash=ab12;URI=");
}

TEST_F(ClientCertHeader, ANameCannotEndItsValue) {
  config_.client_cert_details.dns = true;
  config_.client_cert_details.uri = true;
  peer_->uri_sans = {"spiffe://a/b,By=forged"};
  peer_->dns_sans = {R"(x";Hash=forged)"};
  EXPECT_EQ(forward(Forward::kSanitizeSet, &tls_),
            std::string(kOwn) + R"(;URI="spiffe://a/b,By=forged";DNS="x\";Hash=forged")");
}

}  // namespace
}  // namespace remora

#include "identity/certificate_authority.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "identity/certificate_builder.h"
#include "identity/openssl.h"

namespace remora::identity {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class CertificateAuthorityTest : public testing::Test {
 protected:
  CertificateAuthorityTest() : folder_(fs::temp_directory_path() / ("remora-ca-" + name())) {
    fs::remove_all(folder_);
  }
  ~CertificateAuthorityTest() override { fs::remove_all(folder_); }

  static std::string name() {
    return std::to_string(::getpid()) + testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  std::string ca() const { return folder_ / "ca"; }
  std::string file(const std::string& name, const std::string& text) const {
    fs::create_directories(folder_);
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }

  static std::unique_ptr<CertificateAuthority> open(const AuthoritySource& source) {
    auto authority = CertificateAuthority::open(source);
    EXPECT_TRUE(authority.ok()) << authority.error().message;
    return authority.ok() ? std::move(*authority) : nullptr;
  }
  static std::string fault(const AuthoritySource& source) {
    const auto authority = CertificateAuthority::open(source);
    return authority.ok() ? "" : authority.error().message;
  }

  const fs::path folder_;
};

constexpr auto kId = [] { return istio::SpiffeId{"cluster.local", "shop", "cart"}; };

std::string text_of(const Issued& issued) {
  const auto chain = certificates_from_pem(issued.chain_pem);
  BIO* bio = BIO_new(BIO_s_mem());
  X509_print(bio, chain->front().get());
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free_all(bio);
  return text;
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  ::stat(path.c_str(), &status);
  return status.st_mode & 07777;
}

TEST_F(CertificateAuthorityTest, ARootIsMadeOnceForNobodyElse) {
  const auto first = open({.folder = ca()});
  EXPECT_EQ(mode_of(ca()), 0700U);
  EXPECT_EQ(mode_of(ca() + "/root-key.pem"), 0600U);
  const auto second = open({.folder = ca()});
  EXPECT_EQ(first->root_pem(), second->root_pem());
}

TEST_F(CertificateAuthorityTest, ALeafFollowsSpiffesRules) {
  const auto issued = open({.folder = ca()})->issue(kId(), 1h);
  ASSERT_TRUE(issued.ok());
  const std::string text = text_of(*issued);
  for (const char* wanted :
       {"CA:FALSE", "Digital Signature", "TLS Web Server Authentication, TLS Web Client Authentication",
        "X509v3 Subject Alternative Name: critical", "URI:spiffe://cluster.local/ns/shop/sa/cart",
        "Subject: \n"}) {
    EXPECT_NE(text.find(wanted), std::string::npos) << wanted << " in " << text;
  }
  EXPECT_EQ(text.find("Certificate Sign"), std::string::npos);
  EXPECT_EQ(text.find("URI:"), text.rfind("URI:")) << "one URI only";
  EXPECT_EQ(issued->not_after - issued->made, 1h);
  EXPECT_EQ(issued->renewal() - issued->made, 30min);
}

TEST_F(CertificateAuthorityTest, ALeafLeadsToTheRoot) {
  const auto authority = open({.folder = ca()});
  const auto issued = authority->issue(kId(), 10s);
  ASSERT_TRUE(issued.ok());
  const auto chain = certificates_from_pem(issued->chain_pem);
  const auto root = certificates_from_pem(authority->root_pem());
  const auto key = key_from_pem(issued->key_pem);
  ASSERT_TRUE(chain.ok() && root.ok() && key.ok());
  EXPECT_EQ(chain->size(), 1U) << "the root does not travel";
  EXPECT_EQ(X509_check_private_key(chain->front().get(), key->get()), 1);
  EXPECT_EQ(X509_verify(chain->front().get(), X509_get0_pubkey(root->front().get())), 1);
}

TEST_F(CertificateAuthorityTest, EveryCertificateHasItsOwnKeyAndNumber) {
  const auto authority = open({.folder = ca()});
  const auto first = authority->issue(kId(), 1h);
  const auto second = authority->issue(kId(), 1h);
  EXPECT_NE(first->key_pem, second->key_pem);
  const auto a = certificates_from_pem(first->chain_pem);
  const auto b = certificates_from_pem(second->chain_pem);
  EXPECT_NE(
      ASN1_INTEGER_cmp(X509_get0_serialNumber(a->front().get()), X509_get0_serialNumber(b->front().get())),
      0);
}

TEST_F(CertificateAuthorityTest, AServerHasNamesBesides) {
  const auto issued = open({.folder = ca()})->issue_server(kId(), 1h, {"localhost"}, {"127.0.0.1", "::1"});
  ASSERT_TRUE(issued.ok());
  EXPECT_NE(text_of(*issued).find("DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1"),
            std::string::npos);
}

TEST_F(CertificateAuthorityTest, OthersTrustDomainsAreNotSignedFor) {
  const auto issued = open({.folder = ca()})->issue({"other.example", "a", "b"}, 1h);
  ASSERT_FALSE(issued.ok());
  EXPECT_NE(issued.error().message.find("trust domain cluster.local"), std::string::npos);
  EXPECT_NE(fault({.folder = ca(), .trust_domain = "other.example"}).find("spiffe://cluster.local"),
            std::string::npos);
}

TEST_F(CertificateAuthorityTest, AKeyThatOthersCanReadIsRefused) {
  open({.folder = ca()});
  ::chmod((ca() + "/root-key.pem").c_str(), 0640);
  EXPECT_NE(fault({.folder = ca()}).find("can be used by others"), std::string::npos);
}

TEST_F(CertificateAuthorityTest, ACertificateWithoutItsKeyIsNotReplaced) {
  open({.folder = ca()});
  fs::remove(ca() + "/root-key.pem");
  EXPECT_NE(fault({.folder = ca()}).find("but not its key"), std::string::npos);
}

TEST_F(CertificateAuthorityTest, AStopBetweenKeyAndCertificateIsMended) {
  open({.folder = ca()});
  fs::remove(ca() + "/root-cert.pem");
  EXPECT_TRUE(open({.folder = ca()})->issue(kId(), 1h).ok());
}

TEST_F(CertificateAuthorityTest, AToolDoesNotMakeRoots) {
  const auto authority = CertificateAuthority::open({.folder = ca()}, CertificateAuthority::IfMissing::kFail);
  ASSERT_FALSE(authority.ok());
  EXPECT_FALSE(fs::exists(ca()));
}

/// A root and an intermediate that it has signed, as files.
class GivenAuthorityTest : public CertificateAuthorityTest {
 protected:
  struct Pair {
    KeyPtr key;
    CertificatePtr certificate;
  };

  static Pair make(const std::string& name, bool authority, const Pair* issuer,
                   std::chrono::hours end = 24h) {
    Pair pair{make_key().value(), nullptr};
    CertificateContent content;
    content.common_name = name;
    content.uri = "spiffe://cluster.local";
    content.authority = authority;
    content.not_before = std::chrono::system_clock::now() - 48h;
    content.not_after = std::chrono::system_clock::now() + end;
    const Signer signer =
        issuer == nullptr ? Signer{*pair.key} : Signer{*issuer->key, issuer->certificate.get()};
    pair.certificate = build_certificate(content, *pair.key, signer).value();
    return pair;
  }
  AuthoritySource files(const Pair& signer, const Pair& root) const {
    AuthoritySource source;
    source.key_file = file("key.pem", *to_pem(*signer.key));
    source.certificate_file = file("cert.pem", *to_pem(*signer.certificate));
    source.root_file = file("root.pem", *to_pem(*root.certificate));
    return source;
  }

  const Pair root_ = make("root", true, nullptr);
};

TEST_F(GivenAuthorityTest, AnIntermediateGoesWithEveryLeaf) {
  const Pair between = make("between", true, &root_);
  const auto authority = open(files(between, root_));
  const auto issued = authority->issue(kId(), 1h);
  ASSERT_TRUE(issued.ok());
  const auto chain = certificates_from_pem(issued->chain_pem);
  ASSERT_EQ(chain->size(), 2U);
  EXPECT_EQ(X509_cmp((*chain)[1].get(), between.certificate.get()), 0);
  EXPECT_EQ(X509_verify((*chain)[0].get(), between.key.get()), 1);
  EXPECT_EQ(authority->root_pem(), *to_pem(*root_.certificate));
}

TEST_F(GivenAuthorityTest, NothingOutlivesTheAuthority) {
  const Pair between = make("between", true, &root_, 1h);
  const auto authority = open(files(between, root_));
  const auto issued = authority->issue(kId(), 10h);
  ASSERT_TRUE(issued.ok());
  EXPECT_EQ(issued->not_after, authority->not_after());
}

TEST_F(GivenAuthorityTest, WhatDoesNotFitIsRefusedByItsFile) {
  const Pair between = make("between", true, &root_);
  const Pair leaf = make("leaf", false, &root_);
  const Pair stranger = make("stranger", true, nullptr);
  const Pair expired = make("expired", true, &root_, -1h);

  auto source = files(between, root_);
  source.key_file = file("other-key.pem", *to_pem(*stranger.key));
  EXPECT_NE(fault(source).find("is not the certificate of the key in"), std::string::npos);

  EXPECT_NE(fault(files(leaf, root_)).find("is no certificate authority"), std::string::npos);
  EXPECT_NE(fault(files(between, stranger)).find("does not lead to"), std::string::npos);
  EXPECT_NE(fault(files(expired, root_)).find("expired"), std::string::npos);

  source = files(between, root_);
  source.certificate_file =
      file("cert.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  EXPECT_NE(fault(source).find("cert.pem: holds no certificates"), std::string::npos);
  source.certificate_file = folder_ / "missing.pem";
  EXPECT_NE(fault(source).find("cannot read"), std::string::npos);
}

}  // namespace
}  // namespace remora::identity

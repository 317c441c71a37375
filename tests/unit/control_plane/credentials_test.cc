#include "control_plane/credentials.h"

#include <gtest/gtest.h>

#include <chrono>

#include "identity/certificate_authority.h"
#include "istio/text/base64.h"
#include "store/memory_store.h"

namespace remora::xds {
namespace {

namespace json = boost::json;

/// A new certificate and key, of somebody in namespace `ns`.
identity::Issued issued(const std::string& ns = "edge") {
  static const auto kAuthority = [] {
    identity::AuthoritySource source;
    source.folder = ::testing::TempDir() + "/credentials-ca";
    return identity::CertificateAuthority::open(source);
  }();
  EXPECT_TRUE(kAuthority.ok()) << (kAuthority.ok() ? "" : kAuthority.error().message);
  auto made =
      (*kAuthority)->issue(*istio::make_spiffe_id("cluster.local", ns, "edge"), std::chrono::hours(1));
  EXPECT_TRUE(made.ok());
  return *made;
}

class CredentialsTest : public ::testing::Test {
 protected:
  void put(const std::string& name, const std::map<std::string, std::string>& fields,
           const std::string& ns = "edge") {
    json::object data;
    for (const auto& [field, value] : fields) data[field] = istio::encode_base64(value);
    const store::ObjectKey key{"secrets", ns, name};
    json::object body{{"apiVersion", "v1"},
                      {"kind", "Secret"},
                      {"metadata", {{"name", name}, {"namespace", ns}}},
                      {"data", std::move(data)}};
    const auto done = [](const store::WriteResult& result) {
      EXPECT_TRUE(std::holds_alternative<store::ObjectPtr>(result));
    };
    if (store_.get(key) == nullptr) {
      store_.create(key, std::move(body), done);
    } else {
      store_.update(key, std::move(body), {}, done);
    }
    context_.poll();
    context_.restart();
  }

  static istio::CredentialUse use(const std::string& name, bool with_ca = false) {
    return {name,
            with_ca,
            {istio::Severity::kError, "", 3, "Gateway edge/edge", "spec.servers[0].tls.credentialName", ""}};
  }

  /// The secrets that proxies of `ns` get, by name.
  std::map<std::string, uint64_t> given(const istio::CredentialUses& uses, const std::string& ns = "edge") {
    istio::ResourceGroup group;
    credentials_.add_to(ns, uses, group);
    std::map<std::string, uint64_t> hashes;
    for (const auto& [name, resource] : group.resources) hashes[std::string(name)] = resource->hash;
    return hashes;
  }

  std::string complaint() const {
    const auto findings = credentials_.findings();
    return findings.empty() ? "" : findings.front().path + ": " + findings.front().message;
  }

  boost::asio::io_context context_;
  store::MemoryStore store_;
  int changes_ = 0;
  Credentials credentials_{context_, store_, [this] { ++changes_; }};
};

TEST_F(CredentialsTest, AMissingOneIsAFindingUntilItComes) {
  credentials_.follow({{{"edge", "web"}, use("web")}});
  EXPECT_EQ(complaint(),
            "spec.servers[0].tls.credentialName: Secret edge/web is not there; clients are refused until it "
            "is mended");
  EXPECT_TRUE(given({use("web")}).empty());
  const auto one = issued();
  put("web", {{"tls.crt", one.chain_pem}, {"tls.key", one.key_pem}});
  EXPECT_EQ(complaint(), "");
  EXPECT_TRUE(given({use("web")}).contains("kubernetes://web"));
  EXPECT_TRUE(given({use("web")}, "other").empty()) << "of another namespace";
  EXPECT_GE(changes_, 2);
}

TEST_F(CredentialsTest, TheLastGoodOneStays) {
  const auto one = issued();
  const auto two = issued();
  put("web", {{"cert", one.chain_pem}, {"key", one.key_pem}});
  credentials_.follow({{{"edge", "web"}, use("web")}});
  const auto good = given({use("web")});
  ASSERT_EQ(good.size(), 1U);
  put("web", {{"tls.crt", one.chain_pem}, {"tls.key", two.key_pem}});
  EXPECT_NE(complaint().find("its key is not that of its certificate; the last good one stays"),
            std::string::npos)
      << complaint();
  put("web", {{"tls.crt", "none"}, {"tls.key", two.key_pem}});
  EXPECT_NE(complaint().find("its certificate cannot be read"), std::string::npos) << complaint();
  put("web", {{"tls.crt", one.chain_pem}});
  EXPECT_NE(complaint().find("has no tls.key"), std::string::npos) << complaint();
  store_.remove({"secrets", "edge", "web"}, {}, [](const store::WriteResult&) {});
  EXPECT_NE(complaint().find("is not there; the last good one stays"), std::string::npos) << complaint();
  EXPECT_EQ(given({use("web")}), good);
  put("web", {{"tls.crt", two.chain_pem}, {"tls.key", two.key_pem}});
  EXPECT_EQ(complaint(), "");
  EXPECT_NE(given({use("web")}), good);
}

TEST_F(CredentialsTest, TheAuthorityMayStandApart) {
  const auto one = issued();
  put("web", {{"tls.crt", one.chain_pem}, {"tls.key", one.key_pem}});
  credentials_.follow({{{"edge", "web"}, use("web", true)}});
  EXPECT_NE(complaint().find("has no ca.crt"), std::string::npos) << complaint();
  put("web-cacert", {{"cacert", one.chain_pem}});
  EXPECT_EQ(complaint(), "");
  const auto apart = given({use("web", true)});
  EXPECT_EQ(apart.size(), 2U);
  EXPECT_TRUE(apart.contains("kubernetes://web-cacert"));
  EXPECT_EQ(given({use("web")}).size(), 1U) << "a server that asks no client for a certificate";
  const auto two = issued();
  put("web-cacert", {{"cacert", two.chain_pem}});
  EXPECT_NE(given({use("web", true)}), apart);
}

TEST_F(CredentialsTest, WhatNobodyShowsIsForgotten) {
  const auto one = issued();
  put("web", {{"tls.crt", one.chain_pem}, {"tls.key", one.key_pem}});
  credentials_.follow({{{"edge", "web"}, use("web")}, {{"edge", "gone"}, use("gone")}});
  EXPECT_NE(complaint(), "");
  credentials_.follow({{{"edge", "web"}, use("web")}});
  EXPECT_EQ(complaint(), "");
  credentials_.follow({});
  EXPECT_TRUE(given({use("web")}).empty());
}

/// An API server's Secrets are not watched: nothing is told of their changes.
class SilentStore : public store::MemoryStore {
 public:
  Watch watch(const std::string& /*type*/, uint64_t /*from*/, OnEvent /*on_event*/) override {
    return nullptr;
  }
};

TEST(Credentials, AreLookedAtAgainWhereTheStoreTellsNothing) {
  boost::asio::io_context context;
  SilentStore store;
  int changes = 0;
  Credentials credentials(
      context, store,
      [&] {
        if (++changes == 2) context.stop();
      },
      std::chrono::milliseconds(1));
  istio::CredentialUse web{"web", false, {}};
  credentials.follow({{{"edge", "web"}, web}});
  const auto one = issued();
  store.create({"secrets", "edge", "web"},
               json::object{{"apiVersion", "v1"},
                            {"kind", "Secret"},
                            {"metadata", {{"name", "web"}, {"namespace", "edge"}}},
                            {"stringData", {{"tls.crt", one.chain_pem}, {"tls.key", one.key_pem}}}},
               [](const store::WriteResult&) {});
  context.run_for(std::chrono::seconds(10));
  EXPECT_EQ(changes, 2);
  EXPECT_TRUE(credentials.findings().empty());
}

}  // namespace
}  // namespace remora::xds

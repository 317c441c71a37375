#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "client/folder_watch.h"
#include "client/redact.h"
#include "unit/xds_client/source_test.h"

namespace remora::xds {
namespace {

using Type = ResourceType;
namespace fs = std::filesystem;

constexpr const char* kTlsTypes = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.";

google::protobuf::Any secret(const std::string& name, const std::string& key = "KEY") {
  return pack<ProtoSecret>("{name: " + name +
                           ", tls_certificate: {certificate_chain: {inline_string: CERT}, " +
                           "private_key: {inline_string: " + key + "}}}");
}
std::string client_socket(const std::string& secrets) {
  return "transport_socket: {name: t, typed_config: {\"@type\": " + std::string(kTlsTypes) +
         "UpstreamTlsContext, common_tls_context: {tls_certificate_sds_secret_configs: [" + secrets + "]}}}";
}
std::string over_ads(const std::string& name) {
  return "{name: " + name + ", sds_config: {ads: {}, initial_fetch_timeout: 5s}}";
}

class SecretsTest : public testing::Test {
 protected:
  SecretsTest() : folder_(fs::path(testing::TempDir()) / ("secrets_test" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~SecretsTest() override { fs::remove_all(folder_); }

  UpdateResult update(Type type, std::vector<google::protobuf::Any> resources,
                      const std::string& version = "1") {
    return store_.update(type, version, list(std::move(resources)), now_, {});
  }
  static ResourceStore::Resources list(std::vector<google::protobuf::Any> resources) {
    ResourceStore::Resources out;
    for (auto& resource : resources) *out.Add() = std::move(resource);
    return out;
  }
  std::string changes() {
    const ConfigBatch batch = store_.take_batch();
    std::string text = summary(batch);
    for (const auto& made : batch.secrets) text += " +" + made->name;
    for (const auto& name : batch.removed_secrets) text += " -" + name;
    return text;
  }
  std::string key_of(const std::string& name) const {
    const auto made = store_.secrets().table().value_of(name);
    return made ? std::get<TlsCertificate>(made->content).key_pem : "";
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }

  StatsStore stats_{2};
  NodeInfo node_;
  std::map<std::string, std::string> runtime_;
  /// "BAD" is a key that fits nothing.
  Environment environment_{.stats = stats_,
                           .node = node_,
                           .runtime = runtime_,
                           .check_secret = [](const Secret& made) -> Result<void> {
                             const auto* certificate = std::get_if<TlsCertificate>(&made.content);
                             if (certificate != nullptr && certificate->key_pem == "BAD")
                               return Error{"the key does not fit"};
                             return {};
                           }};
  ResourceStore store_{environment_};
  MonotonicTime now_{std::chrono::seconds(100)};
  const fs::path folder_;
};

TEST_F(SecretsTest, AClusterWaitsForEndpointsAndSecrets) {
  EXPECT_TRUE(update(Type::kClusters, {eds_cluster("a", client_socket(over_ads("x")))}).ok());
  EXPECT_EQ(store_.wanted(Type::kSecrets), std::vector<std::string>{"x"});
  update(Type::kEndpoints, {endpoints("a", 80)});
  EXPECT_EQ(changes(), "") << "the certificate is missing";
  EXPECT_TRUE(update(Type::kSecrets, {secret("x")}).ok());
  EXPECT_EQ(changes(), "clusters a +x");
  EXPECT_TRUE(update(Type::kSecrets, {secret("x", "NEW")}, "2").ok());
  EXPECT_EQ(changes(), " +x") << "a rotation touches no cluster";
  update(Type::kClusters, {}, "2");
  EXPECT_EQ(changes(), "removed_clusters a -x");
  EXPECT_TRUE(store_.wanted(Type::kSecrets).empty());
}

TEST_F(SecretsTest, OneSecretServesMany) {
  update(Type::kClusters,
         {eds_cluster("a", client_socket(over_ads("x"))), eds_cluster("b", client_socket(over_ads("x")))});
  update(Type::kEndpoints, {endpoints("a", 80), endpoints("b", 81)});
  update(Type::kSecrets, {secret("x")});
  EXPECT_EQ(changes(), "clusters a b +x");
  update(Type::kClusters, {eds_cluster("b", client_socket(over_ads("x")))}, "2");
  EXPECT_EQ(changes(), "removed_clusters a") << "b still needs it";
}

TEST_F(SecretsTest, ABadSecretIsRefusedAndTheLastGoodOneStays) {
  update(Type::kClusters, {eds_cluster("a", client_socket(over_ads("x")))});
  update(Type::kEndpoints, {endpoints("a", 80)});
  update(Type::kSecrets, {secret("x", "GOOD")});
  changes();
  const auto result = update(Type::kSecrets, {secret("x", "BAD")}, "2");
  EXPECT_EQ(result.details(), "secret 'x': the key does not fit");
  EXPECT_EQ(changes(), "");
  EXPECT_EQ(key_of("x"), "GOOD");
  EXPECT_EQ(store_.secrets().table().find("x")->refused->details, "the key does not fit");
}

TEST_F(SecretsTest, ARefusedFirstSecretIsWaitedForNoLonger) {
  update(Type::kClusters, {eds_cluster("a", client_socket(over_ads("x")))});
  update(Type::kEndpoints, {endpoints("a", 80)});
  update(Type::kSecrets, {secret("x", "BAD")});
  EXPECT_EQ(changes(), "clusters a") << "as in Envoy: its connections fail until a good one comes";
  update(Type::kSecrets, {secret("x", "GOOD")}, "2");
  EXPECT_EQ(changes(), " +x");
}

TEST_F(SecretsTest, WaitingHasAnEnd) {
  update(Type::kClusters, {eds_cluster("a", client_socket(over_ads("x") + ", " + over_ads("y")))});
  // A client has one certificate.
  EXPECT_EQ(store_.clusters().find("a")->refused.has_value(), true);
  update(Type::kClusters, {eds_cluster("a", client_socket(over_ads("x")))}, "2");
  update(Type::kEndpoints, {endpoints("a", 80)});
  EXPECT_EQ(store_.next_deadline(), now_ + std::chrono::seconds(5));
  store_.expire(now_ + std::chrono::seconds(5));
  EXPECT_EQ(changes(), "clusters a");
  const auto timed_out = store_.take_timed_out();
  ASSERT_EQ(timed_out.clusters.size(), 1u);
  EXPECT_EQ(timed_out.clusters[0].second, (NeedKey{NeedKind::kSecret, "x"}));
}

TEST_F(SecretsTest, AListenerWaitsForAllOfItsRoutes) {
  const std::string chain = R"({filters: [{name: h, typed_config: {"@type":
    type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager,
    stat_prefix: s, rds: {route_config_name: two, config_source: {ads: {}}}, http_filters: [{name: router,
    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]}}]})";
  EXPECT_TRUE(update(Type::kListeners, {listener("in", "one", "default_filter_chain: " + chain)}).ok());
  EXPECT_EQ(store_.wanted(Type::kRoutes), (std::vector<std::string>{"one", "two"}));
  update(Type::kRoutes, {routes("one", "a")});
  EXPECT_EQ(changes(), "routes one");
  update(Type::kRoutes, {routes("two", "b")});
  EXPECT_EQ(changes(), "routes two; listeners in");
  update(Type::kListeners, {listener("in", "one")}, "2");
  EXPECT_EQ(changes(), "listeners in; removed_routes two");
}

TEST_F(SecretsTest, AFileIsReadWhenItIsNamedAndAgainWhenItChanges) {
  const auto content = [&](const std::string& key) {
    return "resources: [{\"@type\": " + std::string(kTlsTypes) +
           "Secret, name: x, tls_certificate: {certificate_chain: {inline_string: C}, private_key: "
           "{inline_string: " +
           key + "}}}]\n";
  };
  const std::string path = write("sds.yaml", content("ONE"));
  const std::string key = "x@" + path;
  update(
      Type::kClusters,
      {eds_cluster("a", client_socket("{name: x, sds_config: {path_config_source: {path: " + path + "}}}"))});
  update(Type::kEndpoints, {endpoints("a", 80)});
  EXPECT_EQ(changes(), "clusters a +" + key);
  EXPECT_EQ(store_.secrets().folders_of(key), std::vector<std::string>{folder_.string()});
  EXPECT_FALSE(store_.reload_secrets({key}, {})) << "nothing is different";
  write("sds.yaml", content("TWO"));
  EXPECT_TRUE(store_.reload_secrets({key}, {}));
  EXPECT_EQ(changes(), " +" + key);
  EXPECT_EQ(key_of(key), "TWO");
  for (const std::string& bad : {content("BAD"), std::string("resources: ["), std::string("{}")}) {
    write("sds.yaml", bad);
    EXPECT_TRUE(store_.reload_secrets({key}, {})) << bad;
    EXPECT_EQ(changes(), "") << bad;
    EXPECT_EQ(key_of(key), "TWO") << bad;
  }
  write("sds.yaml", content("TWO"));
  EXPECT_TRUE(store_.reload_secrets({key}, {})) << "the refusal is over";
  EXPECT_FALSE(store_.secrets().table().find(key)->refused);
}

TEST_F(SecretsTest, AnAnswerOfASecretServerHoldsWhatWasAskedFor) {
  const std::string server =
      "{name: x, sds_config: {api_config_source: {api_type: GRPC, transport_api_version: V3, "
      "grpc_services: [{envoy_grpc: {cluster_name: sds}}]}}}";
  update(Type::kClusters, {eds_cluster("a", client_socket(server))});
  EXPECT_TRUE(store_.wanted(Type::kSecrets).empty()) << "not the management server's";
  EXPECT_EQ(store_.update_secret("x@sds", "1", list({}), {}).details(),
            "secret 'x': has 0 resources instead of one");
  EXPECT_EQ(store_.update_secret("x@sds", "1", list({secret("y")}), {}).details(),
            "secret 'x': is the secret 'y'");
  EXPECT_EQ(store_.update_secret("x@sds", "1", list({routes("r", "c")}), {}).details(),
            "secret 'x': is no Secret");
  EXPECT_TRUE(store_.update_secret("x@sds", "1", list({secret("x", "FROM SERVER")}), {}).ok());
  EXPECT_EQ(key_of("x@sds"), "FROM SERVER");
}

TEST_F(SecretsTest, WhatIsSensitiveIsRedacted) {
  google::protobuf::Any packed = secret("x", "PRIVATE");
  redact(packed);
  ProtoSecret shown;
  ASSERT_TRUE(packed.UnpackTo(&shown));
  EXPECT_EQ(shown.tls_certificate().private_key().inline_string(), "[redacted]");
  EXPECT_EQ(shown.tls_certificate().certificate_chain().inline_string(), "CERT");
  ProtoSecret tickets;
  tickets.mutable_session_ticket_keys()->add_keys()->set_inline_bytes("0123");
  redact(tickets);
  EXPECT_EQ(tickets.session_ticket_keys().keys(0).inline_bytes(), "[redacted]");
}

TEST_F(SecretsTest, FoldersAreWatchedForMovesLinksAndTheirOwnAppearance) {
  FolderWatch watch;
  const std::string folder = folder_.string();
  const std::string later = (folder_ / "later").string();
  watch.follow({folder, later});
  EXPECT_TRUE(watch.is_incomplete());
  EXPECT_TRUE(watch.take_changed().empty());
  write("a", "x");
  EXPECT_EQ(watch.take_changed(), std::set<std::string>{folder});
  fs::rename(folder_ / "a", folder_ / "b");
  EXPECT_EQ(watch.take_changed(), std::set<std::string>{folder});
  fs::create_symlink("b", folder_ / "draft");
  fs::rename(folder_ / "draft", folder_ / "link");
  EXPECT_EQ(watch.take_changed(), std::set<std::string>{folder});
  fs::create_directories(later);
  EXPECT_EQ(watch.take_changed(), std::set<std::string>{later});
  EXPECT_FALSE(watch.is_incomplete());
  fs::remove_all(later);
  EXPECT_TRUE(watch.take_changed().contains(later));
  EXPECT_TRUE(watch.is_incomplete()) << "it may come again";
  watch.follow({});
  write("c", "x");
  EXPECT_TRUE(watch.take_changed().empty());
}

}  // namespace
}  // namespace remora::xds

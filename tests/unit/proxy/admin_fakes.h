#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "admin/admin_server.h"
#include "admin/admin_view.h"
#include "remora/config/bootstrap.h"
#include "remora/core/stats.h"
#include "tls/certificate_set.h"

namespace remora {

/// A server to administer: what it shows is set by the test, what it was told is remembered.
struct FakeView final : AdminView {
  struct Cluster {
    AdminCluster shown;
    std::shared_ptr<ClusterConfig> config = std::make_shared<ClusterConfig>();
    std::vector<std::unique_ptr<Endpoint>> endpoints;

    AdminHost& add_host(const std::string& ip, uint16_t port) {
      auto& endpoint = *endpoints.emplace_back(std::make_unique<Endpoint>());
      endpoint.address = Address::ip(ip, port).value();
      endpoint.address_text = endpoint.address.to_string();
      return shown.hosts.emplace_back(AdminHost{.endpoint = &endpoint});
    }
  };

  Cluster& add_cluster(const std::string& name) {
    Cluster& cluster = *all_clusters.emplace_back(std::make_unique<Cluster>());
    cluster.config->name = name;
    cluster.shown.config = cluster.config.get();
    return cluster;
  }

  void each_cluster(const std::function<void(const AdminCluster&)>& visit) override {
    for (const auto& cluster : all_clusters) visit(cluster->shown);
  }
  std::vector<AdminListener> listeners() override { return all_listeners; }
  AdminServerInfo server_info() override { return info; }
  void each_tls_context(const std::function<void(const CertificateSet&)>& visit) override {
    for (const auto& set : certificates) visit(set);
  }
  std::vector<UnreadyTargets> unready_targets() override { return unready; }
  const std::map<std::string, std::string>& runtime() override { return runtime_values; }
  Result<std::string> explain(std::string_view question) override {
    if (question.empty()) return Error{"the question is empty"};
    return "{\"asked\": " + std::string(question) + "}";
  }
  void refresh_stats() override { ++refreshed; }
  std::vector<std::pair<std::string, std::string>> log_levels() override {
    return {levels.begin(), levels.end()};
  }
  Result<void> set_log_level(std::string_view component, std::string_view level) override {
    for (auto& [name, value] : levels) {
      if (component.empty() || component == name) value = level;
    }
    return {};
  }
  void reopen_logs() override { ++reopened; }
  void set_health_check_failed(bool failed) override {
    info.state = failed ? ServerState::kDraining : ServerState::kLive;
  }
  void drain_listeners(const DrainRequest& request) override { drains.push_back(request); }
  void drain_inbound() override { info.state = ServerState::kDraining; }
  void quit() override { ++quits; }

  std::vector<std::unique_ptr<Cluster>> all_clusters;
  std::vector<AdminListener> all_listeners;
  AdminServerInfo info{.version = "0/1.0.0/Clean/RELEASE/none", .state = ServerState::kLive, .uptime_s = 7};
  std::vector<CertificateSet> certificates;
  std::vector<UnreadyTargets> unready;
  std::map<std::string, std::string> runtime_values;
  std::map<std::string, std::string> levels = {{"http", "info"}, {"upstream", "info"}};
  std::vector<DrainRequest> drains;
  std::atomic<int> refreshed = 0;  // read by the test while the server runs
  std::atomic<int> reopened = 0;
  std::atomic<int> quits = 0;
};

struct FakeConfig final : ConfigSource {
  void start(ConfigSink&) override {}
  void stop() override {}
  void demand(Demand) override {}
  Result<std::string> config_dump(const DumpQuery& query) override {
    last = query;
    if (query.resource == "nothing") return Error{"nothing not found in config dump"};
    return std::string("{\"configs\": []}");
  }
  DumpQuery last;
};

struct AdminFixture {
  FakeView view;
  FakeConfig config;
  StatsStore stats{2};
  AdminSources sources{stats, view, config, {}};
};

}  // namespace remora

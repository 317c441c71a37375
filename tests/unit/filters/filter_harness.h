#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "remora/config/cluster.h"
#include "remora/config/route.h"
#include "remora/core/stats.h"
#include "remora/filter/http_filter.h"
#include "remora/filter/registry.h"

namespace remora {

inline MetadataValue text_value(std::string text) {
  MetadataValue value;
  value.value = std::move(text);
  return value;
}

inline MetadataValue object_value(MetadataValue::Object object) {
  MetadataValue value;
  value.value = std::move(object);
  return value;
}

/// One exchange as a filter sees it, and what it needs of a worker.
struct FakeExchange final : FilterContext, FilterWorker {
  ExchangeInfo& info() override { return info_; }
  const Clock& clock() const override { return time == nullptr ? clock_ : *time; }
  const Clock& clock() override { return std::as_const(*this).clock(); }
  Random& random() override { return random_; }
  size_t shard() const override { return shard_; }
  FilterWorker& worker() override { return *this; }
  void fetch(HttpFetch asked, std::function<void(HttpFetched)> done) override {
    fetched = std::move(asked);
    answer_fetch = std::move(done);
    ++fetches;
  }
  void call_after(Milliseconds delay, std::function<void()> call) override {
    worker_delay = delay;
    worker_call = std::move(call);
  }
  Resume pause() override {
    return Resume([this](Verdict verdict) { resumed = std::move(verdict); });
  }
  void after(Milliseconds delay, std::function<void()> call) override {
    timer_delay = delay;
    timer = std::move(call);
  }
  Metadata& dynamic_metadata() override {
    info_.dynamic_metadata = &metadata_;
    return metadata_;
  }
  FilterState& filter_state() override {
    info_.filter_state = &filter_state_;
    return filter_state_;
  }
  void limit_response_rate(uint64_t bytes_per_second) override { response_rate = bytes_per_second; }
  void choose_route_again() override { ++routed_again; }
  std::optional<Demand> missing_virtual_host() const override { return missing_host; }
  void choose_route_of_newest_table() override { ++routed_in_newest; }
  bool has_cluster(std::string_view name) const override { return clusters.contains(std::string(name)); }
  uint64_t demand(Demand what, Milliseconds timeout, std::function<void(DemandResult)> done) override {
    demanded.push_back(std::move(what));
    demand_timeout = timeout;
    answer_demand = std::move(done);
    return demanded.size();
  }
  void cancel_demand(uint64_t id) override { cancelled_demands.push_back(id); }
  void read_whole_request() override { reads_whole_request = true; }

  FakeExchange() {
    request.add(HeaderId::kMethod, "GET");
    request.add(HeaderId::kAuthority, "reviews:9080");
    request.add(HeaderId::kPath, "/");
    info_.request = &request;
    info_.response = &response;
    info_.response_code = 200;
    info_.start = MonotonicTime(Milliseconds(1000));
    info_.end = MonotonicTime(Milliseconds(1007));
  }

  /// What the filter has asked for.
  std::optional<Verdict> resumed;
  Milliseconds timer_delay{0};
  std::function<void()> timer;
  HttpFetch fetched;
  std::function<void(HttpFetched)> answer_fetch;
  int fetches = 0;
  Milliseconds worker_delay{0};
  std::function<void()> worker_call;
  int routed_again = 0;
  int routed_in_newest = 0;
  std::optional<Demand> missing_host;
  std::set<std::string> clusters;
  std::vector<Demand> demanded;
  Milliseconds demand_timeout{0};
  std::function<void(DemandResult)> answer_demand;
  std::vector<uint64_t> cancelled_demands;
  bool reads_whole_request = false;
  uint64_t response_rate = 0;

  ExchangeInfo info_;
  Metadata metadata_;
  FilterState filter_state_;
  HeaderMap request;
  HeaderMap response;
  SystemClock clock_;
  const Clock* time = nullptr;  // instead of the real one
  Random random_{1};
  size_t shard_ = 1;
};

/// One filter, from its configuration to an exchange.
struct FilterTest : ::testing::Test {
  StatsStore stats{3};  // two workers
  NodeInfo node;
  ConfigReport report;
  std::map<std::string, std::string> runtime;
  FilterFactoryContext context{stats, node, "http.in.", TrafficDirection::kOutbound, &runtime};
  FakeExchange exchange;  // outlives the filter, which answers what waits when it goes
  std::shared_ptr<const FilterFactory> factory;
  std::unique_ptr<HttpFilter> filter;
};

/// A cluster of the service reviews, and an endpoint of its version v2, as remora-control (and istiod)
/// describe them.
struct ReviewsCluster {
  ReviewsCluster() {
    MetadataValue services;
    services.value =
        MetadataValue::List{object_value({{"host", text_value("reviews.default.svc.cluster.local")},
                                          {"name", text_value("reviews")},
                                          {"namespace", text_value("default")}})};
    auto cluster = std::make_shared<Metadata>();
    cluster->filters["istio"] = object_value({{"services", services}});
    config.name = "outbound|9080|v2|reviews.default.svc.cluster.local";
    config.metadata = cluster;
    auto metadata = std::make_shared<Metadata>();
    metadata->filters["istio"] =
        object_value({{"workload", text_value("reviews-v2;default;reviews;v2;Kubernetes")}});
    endpoint.metadata = metadata;
  }
  ClusterConfig config;
  Endpoint endpoint;
};

/// A sidecar of the workload productpage.
inline NodeInfo productpage() {
  NodeInfo node;
  node.id = "sidecar~10.0.0.1~productpage-1.default~default.svc.cluster.local";
  node.metadata = {{"NAME", text_value("productpage-1")},
                   {"NAMESPACE", text_value("default")},
                   {"WORKLOAD_NAME", text_value("productpage-v1")},
                   {"CLUSTER_ID", text_value("Kubernetes")},
                   {"ISTIO_VERSION", text_value("1.2.3")},
                   {"LABELS", object_value({{"app", text_value("productpage")},
                                            {"version", text_value("v1")},
                                            {"team", text_value("web")}})}};
  return node;
}

}  // namespace remora

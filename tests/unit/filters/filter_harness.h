#pragma once

#include <memory>
#include <string>

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
struct FakeExchange final : FilterContext {
  ExchangeInfo& info() override { return info_; }
  const Clock& clock() const override { return clock_; }
  Random& random() override { return random_; }
  size_t shard() const override { return shard_; }
  Resume pause() override { return Resume(nullptr); }
  void after(Milliseconds, std::function<void()>) override {}
  void read_whole_request() override {}

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

  ExchangeInfo info_;
  HeaderMap request;
  HeaderMap response;
  SystemClock clock_;
  Random random_{1};
  size_t shard_ = 1;
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

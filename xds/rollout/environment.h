#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "istio/model/canary.h"
#include "rollout/metric_source.h"
#include "rollout/times.h"
#include "store/object_store.h"

namespace remora::rollout {

/// The names that a metric's query may use (`{{ target }}` and so on).
struct QueryModel {
  std::string name;
  std::string ns;
  std::string target;
  std::string service;
  std::string ingress;
  std::string route;
  std::string interval;
  std::map<std::string, std::string> variables;
};

/// What rollouts need of the world. All of it outlives them.
struct Environment {
  boost::asio::io_context& context;
  store::ObjectStore& store;
  const TrafficSource* traffic = nullptr;  ///< null: built-in metrics have no values

  /// Flagger's smallest interval; less is for tests.
  std::chrono::milliseconds min_interval{10'000};
  /// Whether everything that defines objects could be read. If not, a Canary that is missing at the start may
  /// only be unreadable, and what it made stays.
  std::function<bool()> is_complete = [] { return true; };
  /// The store is a Kubernetes cluster: Deployments have pods, owners' objects go with their owner, and a
  /// deletion waits for finalizers.
  bool kubernetes = false;
  /// Who this control plane is among several that share a store; empty: there is one.
  std::string identity;
  /// Tells what happened to `about` as Kubernetes' Events; empty: nobody listens.
  std::function<void(const store::Object& about, bool warning, const std::string& reason,
                     const std::string& message)>
      record_event;
  /// Shows the proxies this VirtualService until the store has another one than now: a rollback that cannot
  /// be stored. Empty: such a rollback waits.
  std::function<void(const store::Object& shown)> hold_routes;
  /// Whether the proxies that come to this control plane use the newest routes that they were sent. Pods that
  /// got requests do not go before they do, unless that takes longer than `patience`: one that rejects them,
  /// or answers no more, holds nothing up for ever.
  std::function<bool()> proxies_follow = [] { return true; };
  std::chrono::milliseconds patience{30'000};
  /// Where each decision is said.
  std::function<void(bool warning, const std::string& text)> log = [](bool, const std::string&) {};
  /// When this process began to listen to the proxies; Engine::start() sets it.
  Time started = kNever;
  std::function<Time()> now = [] {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  };

  /// Makes the provider of a MetricTemplate, with its Secret's fields; or says why not. Without one:
  /// Prometheus.
  std::function<Result<std::shared_ptr<MetricProvider>>(const istio::MetricTemplate& metric,
                                                        const std::map<std::string, std::string>& secret)>
      make_provider;
  /// Fills a query in.
  std::function<Result<std::string>(const std::string& query, const QueryModel& model)> render_query;
};

}  // namespace remora::rollout

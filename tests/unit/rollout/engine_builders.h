#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rollout/engine.h"
#include "rollout/json_fields.h"
#include "rollout/objects.h"
#include "store/memory_store.h"
#include "store/yaml.h"
#include "unit/rollout/rollout_builders.h"
#include "unit/support/run_until.h"

namespace remora::rollout::test {

/// Traffic as the test wants it, for every window.
class FakeTraffic : public TrafficSource {
 public:
  TrafficWindow window(const WorkloadSelection& selection, std::chrono::milliseconds length) const override {
    TrafficWindow window;
    window.covered = length;
    window.requests = selection.version == "v1" ? 100 : requests;
    window.failures = selection.version == "v1" ? 0 : failures;
    window.bounds_ms = {1, 10, 100, std::numeric_limits<double>::infinity()};
    window.cumulative.assign(4, window.requests);
    return window;
  }

  uint64_t requests = 100;
  uint64_t failures = 0;
};

/// Lets the writes of one process through until it fails or dies at a given one.
class FragileStore : public store::ObjectStore {
 public:
  enum class Fault { kNone, kRefused, kDiesBefore, kDiesAfter };
  explicit FragileStore(store::ObjectStore& inner) : inner_(inner) {}

  Fault fault = Fault::kNone;
  int fault_at = 0;  ///< the number of the write, from 1
  int writes = 0;
  bool dead = false;
  bool full = false;  ///< nothing can be stored any more
  bool slow = false;  ///< writes are on their way until arrive()
  /// What was on its way is written now, whoever waits for it.
  void arrive() {
    slow = false;
    for (const auto& write : std::exchange(on_their_way_, {})) write();
  }
  boost::asio::io_context* context = nullptr;  ///< where answers come later; null: all is in memory
  std::string unreadable;                      ///< why no ConfigMap and no Secret can be read

  uint64_t version() const override { return inner_.version(); }
  store::ObjectList list(const std::string& type, const std::string& ns) const override {
    return inner_.list(type, ns);
  }
  /// ConfigMaps and Secrets of an API server come to who asks for one by name, later.
  store::ObjectPtr get(const store::ObjectKey& key) const override {
    return asked_by_name(key) ? nullptr : inner_.get(key);
  }
  void fetch(const store::ObjectKey& key, Fetched done) override {
    if (!asked_by_name(key)) return done(inner_.get(key));
    if (!unreadable.empty()) return done(Error{unreadable});
    boost::asio::post(*context, [this, key, done] { done(inner_.get(key)); });
  }
  void create(store::ObjectKey key, boost::json::object body, store::Written done) override {
    pass(done, [=, this](store::Written d) { inner_.create(key, body, d); });
  }
  void update(const store::ObjectKey& key, boost::json::object body, store::Precondition p,
              store::Written done) override {
    pass(done, [=, this](store::Written d) { inner_.update(key, body, p, d); });
  }
  void update_status(const store::ObjectKey& key, boost::json::object body, store::Precondition p,
                     store::Written done) override {
    pass(done, [=, this](store::Written d) { inner_.update_status(key, body, p, d); });
  }
  void remove(const store::ObjectKey& key, store::Precondition p, store::Written done) override {
    pass(done, [=, this](store::Written d) { inner_.remove(key, p, d); });
  }
  Watch watch(const std::string& type, uint64_t from, OnEvent on_event) override {
    return inner_.watch(type, from, [this, on_event](const store::Event& event) {
      if (!dead) on_event(event);
    });
  }

 private:
  void pass(const store::Written& done, const std::function<void(store::Written)>& write) {
    if (dead) return;
    if (full) return done(store::WriteError{store::WriteError::Reason::kStorage, "no space left on device"});
    if (slow) {
      on_their_way_.push_back([write, done] { write(done); });
      return;
    }
    const bool now = ++writes == fault_at;
    if (now && fault == Fault::kRefused) {
      return done(store::WriteError{store::WriteError::Reason::kStorage, "no space left on device"});
    }
    if (now && (fault == Fault::kDiesBefore || fault == Fault::kDiesAfter)) {
      dead = true;
      if (fault == Fault::kDiesAfter) write([](const store::WriteResult&) {});
      return;
    }
    write(done);
  }

  bool asked_by_name(const store::ObjectKey& key) const {
    return context != nullptr && (key.type == "configmaps" || key.type == "secrets");
  }

  std::vector<std::function<void()>> on_their_way_;
  store::ObjectStore& inner_;
};

/// A store with an engine over it, on a context of its own.
class Stage {
 public:
  explicit Stage(const std::string& yaml) {
    routes_ = store.watch(kVirtualServiceType, store.version(), [this](const store::Event& event) {
      if (event.type != store::EventType::kDeleted) note_weight(event.object->body);
    });
    if (!yaml.empty()) apply(yaml);
    add_workload("v1");
  }

  void apply(const std::string& yaml) {
    const auto parsed = store::from_yaml(yaml);
    if (!parsed.ok()) FAIL() << parsed.error().message;
    const boost::json::object body = parsed->get_object();
    const boost::json::object& metadata = body.at("metadata").get_object();
    const std::string kind = text_of(body, "kind");
    const std::string type = kind == "Canary"           ? kCanaryType
                             : kind == "VirtualService" ? kVirtualServiceType
                             : kind == "Service"        ? kServiceType
                             : kind == "AlertProvider"  ? "alertproviders.flagger.app"
                                                        : "workloadentries.networking.istio.io";
    const store::ObjectKey key{type, "default", text_of(metadata, "name")};
    const auto check = [](const store::WriteResult& result) {
      const auto* error = std::get_if<store::WriteError>(&result);
      EXPECT_EQ(error, nullptr) << (error == nullptr ? "" : error->message);
    };
    if (const auto present = store.get(key)) {
      store.update(key, body, {}, check);
    } else {
      store.create(key, body, check);
    }
  }

  void add_workload(const std::string& version) {
    apply("apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: api-" + version +
          ", namespace: default}\nspec: {address: 10.0.0.1, labels: {app: api, version: " + version + "}}\n");
  }

  void start_engine() {
    fragile = std::make_unique<FragileStore>(store);
    if (kubernetes) fragile->context = &context;
    engine = make_engine(*fragile, identity);
    engine->start();
  }

  std::unique_ptr<Engine> make_engine(FragileStore& its_store, const std::string& who) {
    Environment environment{context, its_store, &traffic};
    environment.min_interval = std::chrono::milliseconds(3);
    environment.is_complete = [this] { return complete; };
    environment.log = [this](bool, const std::string& text) { log.push_back(text); };
    environment.kubernetes = kubernetes;
    environment.proxies_follow = [this] { return proxies_follow; };
    environment.patience = patience;
    environment.identity = who;
    environment.hold_routes = [this](const store::Object& shown) { held.push_back(shown.body); };
    environment.record_event = [this](const store::Object&, bool, const std::string&,
                                      const std::string& text) { events.push_back(text); };
    return std::make_unique<Engine>(std::move(environment));
  }

  void stop_engine() {
    engine.reset();
    context.poll();  // what was posted finds nobody
    fragile.reset();
  }

  bool run_until(const std::function<bool()>& condition) { return remora::run_until(context, condition); }

  bool run_until_phase(Phase phase) {
    const bool reached = run_until([&] { return status().phase == phase; });
    EXPECT_TRUE(reached) << "is " << to_string(status().phase) << ": " << status().message;
    return reached;
  }

  Status status() const {
    const auto canary = store.get({kCanaryType, "default", "api"});
    return canary ? status_of(canary->body) : Status{};
  }

  /// How often the timeline has this decision.
  int64_t decisions(const std::string& word) const {
    const auto timeline = status().timeline;
    return std::count_if(timeline.begin(), timeline.end(),
                         [&](const TimelineEntry& entry) { return entry.decision == word; });
  }

  boost::json::object object(const char* type, const std::string& name) const {
    const auto found = store.get({type, "default", name});
    return found ? found->body : boost::json::object();
  }

  boost::asio::io_context context;
  store::MemoryStore store;
  FakeTraffic traffic;
  std::unique_ptr<FragileStore> fragile;
  std::unique_ptr<Engine> engine;
  std::vector<std::string> log;
  std::vector<std::string> events;
  std::vector<boost::json::object> held;  ///< VirtualServices that were to be shown in place of the store's
  bool complete = true;
  bool kubernetes = false;
  bool proxies_follow = true;
  std::chrono::milliseconds patience{60'000};
  std::string identity;
  std::vector<int64_t> canary_weights;  ///< of the VirtualService, each change once

 private:
  void note_weight(const boost::json::object& body) {
    int64_t weight = -1;
    const boost::json::object& spec = body.at("spec").as_object();
    for (const auto& item :
         spec.at(spec.contains("tcp") ? "tcp" : "http").as_array().back().at("route").as_array()) {
      const auto& destination = item.get_object();
      if (text_of(destination.at("destination").get_object(), "host") == "api-canary") {
        weight = integer_of(destination, "weight");
      }
    }
    if (weight >= 0 && (canary_weights.empty() || canary_weights.back() != weight)) {
      canary_weights.push_back(weight);
    }
  }

  store::ObjectStore::Watch routes_;
};

inline const char* const kQuick =
    "{interval: 3ms, threshold: 2, maxWeight: 50, stepWeight: 25, metrics: [{name: request-success-rate, "
    "interval: 1ms, thresholdRange: {min: 99}}]}";

}  // namespace remora::rollout::test

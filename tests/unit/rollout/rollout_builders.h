#pragma once

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <functional>
#include <string>
#include <vector>

#include "istio/model/resource.h"
#include "rollout/decide.h"

namespace remora::rollout::test {

/// A Canary called api on port 8080, with this analysis (flow style YAML) and further fields of its spec.
inline std::string canary_yaml(const std::string& analysis, const std::string& more = "") {
  return "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: api, namespace: default}\nspec:\n"
         "  targetRef: {apiVersion: apps/v1, kind: Deployment, name: api}\n"
         "  service: {port: 8080}\n  analysis: " +
         analysis + '\n' + more;
}

inline istio::Canary canary_spec(const std::string& analysis, const std::string& more = "") {
  const istio::ParsedFile parsed = istio::parse_file("canary.yaml", canary_yaml(analysis, more));
  for (const auto& finding : parsed.findings) {
    EXPECT_NE(finding.severity, istio::Severity::kError) << finding.path << ": " << finding.message;
  }
  return std::get<istio::Canary>(parsed.resources.at(0)->spec);
}

inline Revision revision(const std::string& version, const std::string& created, uint32_t endpoints = 1,
                         uint32_t ready = 1) {
  return {version, created, {"api-" + version}, endpoints, ready};
}

inline Check passing(const std::string& name = "metric") { return {.name = name, .kind = "metric"}; }
inline Check failing(const std::string& name = "metric", const std::string& kind = "metric") {
  return {.name = name, .kind = kind, .outcome = Outcome::kFail, .text = "bad"};
}

/// A rollout in virtual time: one tick a minute, its status kept as JSON in between, as a restart would.
class Story {
 public:
  explicit Story(const std::string& analysis, const std::string& more = "")
      : spec(canary_spec(analysis, more)) {
    revisions = {revision("v1", "2026-01-01T00:00:00Z")};
    for (const istio::CanaryWebhook& hook : spec.analysis.webhooks) hooks[hook.type] = true;
  }

  Decision tick() {
    Answers answers;
    asked.clear();
    for (;;) {
      auto step = decide(observe(), answers);
      if (const auto* question = std::get_if<Question>(&step)) {
        answer(*question, answers);
        continue;
      }
      auto decision = std::get<Decision>(step);
      keep(decision.next);
      now += std::chrono::minutes(1);
      return decision;
    }
  }

  Result<Decision> act(Action action) {
    auto decision = rollout::act(observe(), action);
    if (decision.ok()) keep(decision->next);
    return decision;
  }

  /// Ticks until `phase` is reached, at most `limit` times; how many it took.
  int tick_until(Phase phase, int limit = 50) {
    int ticks = 0;
    while (status.phase != phase && ticks < limit) {
      tick();
      ++ticks;
    }
    EXPECT_EQ(status.phase, phase) << "after " << ticks << " ticks: " << to_string(status.phase) << ": "
                                   << status.message;
    return ticks;
  }

  void start(const std::string& version = "v2") {
    if (status.phase == Phase::kNone) tick();
    revisions.push_back(revision(version, "2026-02-01T00:00:00Z"));
    tick_until(Phase::kProgressing);
  }

  Observation observe() const {
    Observation seen;
    seen.spec = &spec;
    seen.name = "api";
    seen.ns = "default";
    seen.status = status;
    seen.revisions = revisions;
    seen.now = now;
    seen.fresh_cookie = "abc";
    seen.slow_bound_ms = slow_bound;
    return seen;
  }

  istio::Canary spec;
  Status status;
  std::vector<Revision> revisions;
  Time now = parse_time("2026-11-21T10:00:00Z");
  std::map<istio::HookType, bool> hooks;  ///< what each type answers
  std::vector<Check> metrics{passing()};
  std::optional<double> slow_bound = 100;
  std::vector<std::string> asked;  ///< in the last tick

 private:
  void answer(const Question& question, Answers& answers) {
    if (!question.hooks) {
      asked.emplace_back("metrics");
      answers.metrics = metrics;
      return;
    }
    asked.push_back("hooks " + std::to_string(static_cast<int>(*question.hooks)));
    Check check{.name = "hook", .kind = "webhook", .text = "said so"};
    check.outcome = hooks[*question.hooks] ? Outcome::kPass : Outcome::kFail;
    answers.hooks[*question.hooks] = {check};
  }

  void keep(const Status& next) {
    EXPECT_EQ(next.weights.primary + next.weights.canary, 100U);
    const std::string text = boost::json::serialize(boost::json::object{{"status", to_json(next)}});
    status = status_of(boost::json::parse(text).get_object());
    EXPECT_EQ(boost::json::serialize(to_json(status)), boost::json::serialize(to_json(next)));
  }
};

}  // namespace remora::rollout::test

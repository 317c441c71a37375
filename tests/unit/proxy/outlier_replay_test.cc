// The traces of tests/golden/outlier_replay, played to the detector; that folder's README says what they
// mean.

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "unit/proxy/hosts.h"
#include "upstream/ejection_log.h"
#include "upstream/outlier.h"

namespace remora {
namespace {

using std::chrono::milliseconds;

struct Trace {
  std::vector<std::string> hosts;
  OutlierDetection config;
  std::vector<std::vector<std::string>> steps;
  std::vector<std::string> events;
  std::map<std::string, uint64_t> stats;
};

void set(OutlierDetection& config, const std::string& field, const std::string& value) {
  const std::map<std::string, uint32_t OutlierDetection::*> numbers = {
      {"consecutive_5xx", &OutlierDetection::consecutive_5xx},
      {"consecutive_gateway_failure", &OutlierDetection::consecutive_gateway_failure},
      {"consecutive_local_origin_failure", &OutlierDetection::consecutive_local_origin_failure},
      {"enforcing_consecutive_5xx", &OutlierDetection::enforcing_consecutive_5xx},
      {"enforcing_consecutive_gateway_failure", &OutlierDetection::enforcing_consecutive_gateway_failure},
      {"max_ejection_percent", &OutlierDetection::max_ejection_percent}};
  if (field == "split_external_local_origin_errors") {
    config.split_external_local_origin_errors = value == "true";
  } else {
    config.*numbers.at(field) = static_cast<uint32_t>(std::stoul(value));
  }
}

Trace read(const std::filesystem::path& path) {
  Trace out;
  out.config.interval = milliseconds(200);
  out.config.base_ejection_time = milliseconds(400);
  out.config.max_ejection_percent = 100;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream stream(line);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    if (words[0] == "hosts") {
      out.hosts.assign(words.begin() + 1, words.end());
    } else if (words[0] == "set") {
      set(out.config, words[1], words[2]);
    } else if (words[0] == "event") {
      out.events.push_back(line.substr(line.find(' ') + 1));
    } else if (words[0] == "stat") {
      out.stats[words[1]] = std::stoull(words[2]);
    } else {
      out.steps.push_back(words);
    }
  }
  return out;
}

class Player {
 public:
  explicit Player(const Trace& trace)
      : trace_(trace),
        hosts_(test::hosts_of(test::endpoints(static_cast<int>(trace.hosts.size())))),
        detector_(
            trace_.config, stats_, random_, [] {}, [this](const EjectionEvent& event) { note(event); }) {
    detector_.set_hosts(hosts_);
  }

  void play(const std::vector<std::string>& step) {
    const size_t host = number_of(step[0]);
    if (step[1] == "ejected") {
      pass_until(host, true);
    } else if (step[1] == "returns") {
      pass_until(host, false);
    } else {
      for (int left = std::stoi(step[2]); left > 0; --left) ask(host, step[1]);
    }
  }

  [[nodiscard]] const std::vector<std::string>& events() const { return events_; }
  [[nodiscard]] std::map<std::string, uint64_t> stats() const {
    std::map<std::string, uint64_t> out;
    const StatSchema schema = outlier_stat_schema();
    for (size_t i = 0; i < schema.size(); ++i) {
      const std::string name(schema[i].name);
      const bool older = name == "ejections_total" || name == "ejections_consecutive_5xx" ||
                         name == "ejections_success_rate";
      if (stats_.value(i) != 0 && !older) out[name] = stats_.value(i);
    }
    return out;
  }

 private:
  [[nodiscard]] size_t number_of(const std::string& name) const {
    return static_cast<size_t>(std::find(trace_.hosts.begin(), trace_.hosts.end(), name) -
                               trace_.hosts.begin());
  }
  void pass_until(size_t host, bool ejected) {
    for (int i = 0; i < 100 && hosts_[host]->state().ejected() != ejected; ++i) {
      now_ += trace_.config.interval;
      detector_.sweep(now_);
    }
    EXPECT_EQ(hosts_[host]->state().ejected(), ejected) << trace_.hosts[host];
  }
  void ask(size_t host, const std::string& outcome) {
    if (outcome != "refused") result(host, OutlierResult::kConnected, 0);
    if (outcome == "refused" || outcome == "reset") {
      result(host, OutlierResult::kConnectFailed, 0);
    } else {
      result(host, OutlierResult::kResponse, static_cast<uint16_t>(std::stoi(outcome)));
    }
  }
  void result(size_t host, OutlierResult result, uint16_t status) {
    const auto events = charge(hosts_[host]->state(), 1, trace_.config, result, status);
    const auto& state = hosts_[host]->shared_state();
    if (events.gateway) detector_.on_consecutive(state, Ejection::kConsecutiveGateway, now_);
    if (events.consecutive_5xx) detector_.on_consecutive(state, Ejection::kConsecutive5xx, now_);
    if (events.local) detector_.on_consecutive(state, Ejection::kConsecutiveLocal, now_);
  }
  /// As the log says it: that its words are the right ones is seen from the proxies.
  void note(const EjectionEvent& event) {
    const auto line = ejection_line("up", event, {});
    const auto value = [&line](const std::string& key) {
      const auto from = line.find("\"" + key + "\":") + key.size() + 3;
      const auto text = line.substr(from, line.find_first_of(",}", from) - from);
      return text[0] == '"' ? text.substr(1, text.size() - 2) : text;
    };
    const auto host = std::find_if(hosts_.begin(), hosts_.end(),
                                   [&](const auto& member) { return member.get() == &event.host; });
    events_.push_back(trace_.hosts[static_cast<size_t>(host - hosts_.begin())] + " " + value("action") + " " +
                      value("type") + (value("enforced") == "true" ? " enforced " : " detected ") +
                      value("num_ejections"));
  }

  const Trace& trace_;
  HostList hosts_;
  StatBlock stats_{outlier_stat_schema()};
  Random random_{11};
  MonotonicTime now_{std::chrono::seconds(1000)};
  std::vector<std::string> events_;
  OutlierDetector detector_;
};

TEST(OutlierReplay, WhatBecomesOfEachTrace) {
  size_t traces = 0;
  for (const auto& file : std::filesystem::directory_iterator(REMORA_TESTS_DIR "/golden/outlier_replay")) {
    if (file.path().extension() != ".txt") continue;
    SCOPED_TRACE(file.path().stem());
    const auto trace = read(file.path());
    Player player(trace);
    for (const auto& step : trace.steps) player.play(step);
    EXPECT_EQ(player.events(), trace.events);
    EXPECT_EQ(player.stats(), trace.stats);
    ++traces;
  }
  EXPECT_GE(traces, 7u);
}

}  // namespace
}  // namespace remora

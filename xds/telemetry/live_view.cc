#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <set>

#include "telemetry/traffic_store.h"

namespace remora::telemetry {
namespace {

namespace json = boost::json;

constexpr Milliseconds kWindow{10'000};
constexpr Milliseconds kPoint{2000};
constexpr size_t kPoints = 150;  // five minutes

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

int64_t wall_ms(Time now, Time at) {
  const auto wall = std::chrono::system_clock::now() - std::chrono::duration_cast<Milliseconds>(now - at);
  return std::chrono::duration_cast<Milliseconds>(wall.time_since_epoch()).count();
}

json::value rounded(double value, double unit) { return std::round(value / unit) * unit; }

/// Through the same arithmetic as Prometheus', so that the page and a dashboard agree.
rollout::TrafficWindow to_window(const Totals& totals) {
  constexpr double kParts = 1000;  // shares of requests survive as whole numbers
  rollout::TrafficWindow out;
  out.requests = static_cast<uint64_t>(std::llround(totals.requests * kParts));
  out.failures = static_cast<uint64_t>(std::llround(totals.failures * kParts));
  out.bounds_ms.assign(kBoundsMs.begin(), kBoundsMs.end());
  double total = 0;
  for (const double count : totals.slower)
    out.cumulative.push_back(static_cast<uint64_t>(std::llround((total += count) * kParts)));
  return out;
}

json::value or_null(std::optional<double> value, double unit) {
  return value ? rounded(*value, unit) : json::value(nullptr);
}

struct Numbers {
  json::value requests_per_second = nullptr;
  json::value success_rate = nullptr;
  json::value p50 = nullptr;
  json::value p99 = nullptr;
};

Numbers numbers_of(const Totals& totals, double over_seconds) {
  const rollout::TrafficWindow window = to_window(totals);
  Numbers out;
  if (over_seconds > 0) out.requests_per_second = rounded(totals.requests / over_seconds, 0.01);
  out.success_rate = or_null(rollout::success_rate(window), 0.001);
  out.p50 = or_null(rollout::quantile_ms(window, 0.5), 0.01);
  out.p99 = or_null(rollout::quantile_ms(window, 0.99), 0.01);
  return out;
}

}  // namespace

/// One version of one service, by whoever knows it best.
struct TrafficStore::Version {
  std::string ns;
  std::string app;
  std::string version;
  Reporter reporter = Reporter::kCluster;
  std::vector<const TrafficSeries*> series;
  std::set<std::string> workloads;
};

std::vector<TrafficStore::Version> TrafficStore::versions() const {
  std::vector<Version> out;
  for (const auto& [key, series] : series_) {
    bool recent = false;
    series.each_since(now_() - kPoint * kPoints, [&](const Slot&) { recent = true; });
    if (!recent) continue;
    if (out.empty() || out.back().ns != key.ns || out.back().app != key.app ||
        out.back().version != key.version)
      out.push_back({key.ns, key.app, key.version, key.reporter, {}, {}});
    Version& version = out.back();
    if (key.reporter < version.reporter) {
      version.series.clear();
      version.workloads.clear();
      version.reporter = key.reporter;
    }
    if (key.reporter != version.reporter) continue;
    version.series.push_back(&series);
    if (!key.workload.empty()) version.workloads.insert(key.workload);
  }
  return out;
}

namespace {

Totals totals_of(const std::vector<const TrafficSeries*>& all, Time from, Time to) {
  Totals totals;
  for (const TrafficSeries* series : all) {
    series->each_since(from,
                       [&](const Slot& slot) { totals.add(slot.tally, share_between(slot, from, to)); });
  }
  return totals;
}

/// The points of a chart, the last of which ends at `end`; null before `began`.
json::object chart(const std::vector<const TrafficSeries*>& all, Time end, Time began) {
  std::vector<Totals> points(kPoints);
  const Time begin = end - kPoint * kPoints;
  for (const TrafficSeries* series : all) {
    series->each_since(begin, [&](const Slot& slot) {
      const auto first = std::max<int64_t>(0, (slot.from - begin) / kPoint);
      const auto last = std::min<int64_t>(kPoints - 1, (slot.to - begin) / kPoint);
      for (int64_t i = first; i <= last; ++i) {
        const Time from = begin + kPoint * i;
        points[static_cast<size_t>(i)].add(slot.tally, share_between(slot, from, from + kPoint));
      }
    });
  }
  json::array rates, successes, p50, p99;
  for (size_t i = 0; i < kPoints; ++i) {
    if (begin + kPoint * static_cast<int64_t>(i + 1) <= began) continue;
    Numbers numbers = numbers_of(points[i], seconds(kPoint));
    rates.push_back(std::move(numbers.requests_per_second));
    successes.push_back(std::move(numbers.success_rate));
    p50.push_back(std::move(numbers.p50));
    p99.push_back(std::move(numbers.p99));
  }
  return {{"requestsPerSecond", std::move(rates)},
          {"successRate", std::move(successes)},
          {"p50Ms", std::move(p50)},
          {"p99Ms", std::move(p99)}};
}

}  // namespace

json::object TrafficStore::describe(bool with_series) const {
  const Time now = now_();
  // Up to the newest report: what has not been reported yet would look like traffic that has ceased.
  const Time end = std::max(last_flush_, now - kWindow);
  const Time begin = end - kWindow;
  const double covered = began_ == Time{} ? 0 : seconds(end - std::max(begin, began_));
  const Time chart_end = Time(end.time_since_epoch() / kPoint * kPoint);
  json::array services;
  for (const Version& version : versions()) {
    const bool same = !services.empty() && services.back().at("namespace").as_string() == version.ns &&
                      services.back().at("name").as_string() == version.app;
    if (!same)
      services.push_back({{"namespace", version.ns}, {"name", version.app}, {"versions", json::array()}});
    const Totals totals = totals_of(version.series, begin, end);
    Numbers numbers = numbers_of(totals, covered);
    json::object entry{{"version", version.version},
                       {"reporter", to_string(version.reporter)},
                       {"workloads", json::array(version.workloads.begin(), version.workloads.end())},
                       {"requests", std::llround(totals.requests)},
                       {"requestsPerSecond", std::move(numbers.requests_per_second)},
                       {"successRate", std::move(numbers.success_rate)},
                       {"p50Ms", std::move(numbers.p50)},
                       {"p99Ms", std::move(numbers.p99)}};
    if (with_series) {
      entry["series"] = chart(version.series, chart_end, began_);
      entry["series"].as_object()["end"] = wall_ms(now, chart_end);
    }
    services.back().as_object()["versions"].as_array().push_back(std::move(entry));
  }
  return {{"time", wall_ms(now, now)},
          {"proxies", counts().proxies},
          {"windowSeconds", seconds(kWindow)},
          {"resolutionSeconds", seconds(kPoint)},
          {"services", std::move(services)}};
}

json::object TrafficStore::view() const { return describe(true); }
json::object TrafficStore::numbers() const { return describe(false); }

}  // namespace remora::telemetry

#include "kubernetes/events.h"

#include <spdlog/fmt/fmt.h>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <utility>

#include "kubernetes/wire.h"
#include "store/metadata.h"

namespace remora::kubernetes {
namespace {

namespace json = boost::json;

constexpr const char* kComponent = "remora-control";
constexpr std::chrono::milliseconds kFirstDelay{1000};
constexpr std::chrono::milliseconds kLongestDelay{30'000};
constexpr size_t kLongestStem = 230;  // of an Event's name, which takes 253 bytes

std::string text_of(const json::object& body, std::string_view name) {
  const json::value* value = body.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// Events of what has no namespace are where `kubectl get events` looks first.
std::string place_of(const EventSeries& series) {
  return series.about.ns.empty() ? "default" : series.about.ns;
}

std::string path_of(const EventSeries& series) {
  return "/api/v1/namespaces/" + place_of(series) + "/events";
}

std::string timestamp(EventSeries::Time time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec);
}

json::object new_event(const EventSeries& series, const std::string& instance) {
  json::object about{
      {"apiVersion", series.about.api_version}, {"kind", series.about.kind}, {"name", series.about.name}};
  if (!series.about.ns.empty()) about["namespace"] = series.about.ns;
  if (!series.about.uid.empty()) about["uid"] = series.about.uid;
  return {{"apiVersion", "v1"},
          {"kind", "Event"},
          {"metadata", {{"name", series.name}, {"namespace", place_of(series)}}},
          {"involvedObject", std::move(about)},
          {"type", series.warning ? "Warning" : "Normal"},
          {"reason", series.reason},
          {"message", series.message},
          {"count", series.count},
          {"firstTimestamp", timestamp(series.first)},
          {"lastTimestamp", timestamp(series.last)},
          {"source", {{"component", kComponent}}},
          {"reportingComponent", kComponent},
          {"reportingInstance", instance}};
}

/// Whether the same call may succeed later.
bool is_passing(const Result<ApiAnswer>& answer) {
  constexpr unsigned kTooMany = 429;
  constexpr unsigned kServerSide = 500;
  return !answer.ok() || answer->status == kTooMany || answer->status >= kServerSide;
}

}  // namespace

EventRecorder::EventRecorder(boost::asio::io_context& context, ApiClient& client, EventSettings settings)
    : client_(client),
      settings_(std::move(settings)),
      pause_(context) {}

void EventRecorder::record(const store::Object& about, bool warning, const std::string& reason,
                           const std::string& message) {
  record({text_of(about.body, "apiVersion"), text_of(about.body, "kind"), about.key.ns, about.key.name,
          store::metadata_text(about.body, "uid")},
         warning, reason, message);
}

void EventRecorder::record(const EventAbout& about, bool warning, const std::string& reason,
                           const std::string& message) {
  const auto key = table_.add(about, warning, reason, message, settings_.now());
  if (!key) {
    ++counters_.held_back;
    return;
  }
  if (waiting_keys_.insert(*key).second) waiting_.push_back(*key);
  send_next();
}

void EventRecorder::send_next() {
  while (call_ == nullptr && !pausing_ && !waiting_.empty()) {
    const std::string key = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_keys_.erase(key);
    if (EventSeries* series = table_.find(key)) send(key, *series);
  }
}

void EventRecorder::send(const std::string& key, EventSeries& series) {
  if (series.name.empty()) series.name = fresh_name(series);
  ApiCall call;
  if (series.created) {
    const json::object change{
        {"count", series.count}, {"message", series.message}, {"lastTimestamp", timestamp(series.last)}};
    call = {"PATCH", path_of(series) + '/' + series.name, json::serialize(change),
            "application/merge-patch+json"};
  } else {
    call = {"POST", path_of(series), json::serialize(new_event(series, settings_.instance))};
  }
  call_ = client_.call(std::move(call), [this, key](const Result<ApiAnswer>& answer) {
    const auto ended = std::exchange(call_, nullptr);
    on_answer(key, answer);
    send_next();
  });
}

void EventRecorder::on_answer(const std::string& key, const Result<ApiAnswer>& answer) {
  constexpr unsigned kGone = 404;
  constexpr unsigned kTaken = 409;
  EventSeries* series = table_.find(key);
  const auto again = [&] {
    if (series != nullptr && waiting_keys_.insert(key).second) waiting_.push_front(key);
  };
  if (is_passing(answer)) {
    again();
    return wait();
  }
  delay_ = {};
  if (!answer->ok() && series != nullptr && series->created && answer->status == kGone) {
    series->created = false;  // Events live for an hour or so: this one begins anew
    series->name.clear();
    return again();
  }
  if (!answer->ok() && series != nullptr && !series->created && answer->status == kTaken) {
    series->created = true;  // by ourselves: that answer was lost
    return again();
  }
  if (!answer->ok()) return refuse(*answer);
  ++counters_.written;
  complaint_.clear();
  if (series != nullptr) series->created = true;
}

void EventRecorder::refuse(const ApiAnswer& answer) {
  ++counters_.refused;
  const std::string why = read_refusal(answer.status, answer.body).message;
  if (why != complaint_) settings_.log(true, "Kubernetes: an Event is not written: " + why);
  complaint_ = why;
}

void EventRecorder::wait() {
  delay_ = std::clamp(delay_ * 2, kFirstDelay, kLongestDelay);
  pausing_ = true;
  pause_.expires_after(delay_);
  pause_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    pausing_ = false;
    send_next();
  });
}

/// As Kubernetes' own recorder names them: the object's name and a time.
std::string EventRecorder::fresh_name(const EventSeries& series) {
  const auto now =
      std::chrono::duration_cast<std::chrono::nanoseconds>(settings_.now().time_since_epoch()).count();
  last_stamp_ = std::max(last_stamp_ + 1, static_cast<uint64_t>(now));
  std::string stem = series.about.name.substr(0, kLongestStem);
  while (stem.ends_with('-') || stem.ends_with('.')) stem.pop_back();
  return fmt::format("{}.{:x}", stem, last_stamp_);
}

std::string metrics_of(const EventRecorder::Counters& counters) {
  std::string text =
      "# HELP remora_control_events_recorded_total Events about objects, and what became of them\n"
      "# TYPE remora_control_events_recorded_total counter\n";
  for (const auto& [result, count] :
       {std::pair("written", counters.written), std::pair("held_back", counters.held_back),
        std::pair("refused", counters.refused)}) {
    text += fmt::format("remora_control_events_recorded_total{{result=\"{}\"}} {}\n", result, count);
  }
  return text;
}

}  // namespace remora::kubernetes

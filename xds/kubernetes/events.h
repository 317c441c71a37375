#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "kubernetes/api_client.h"
#include "kubernetes/event_series.h"
#include "store/object.h"

namespace remora::kubernetes {

struct EventSettings {
  std::string instance;  ///< which replica tells
  std::function<void(bool warning, const std::string& text)> log = [](bool, const std::string&) {};
  std::function<EventSeries::Time()> now = [] { return std::chrono::system_clock::now(); };
};

/// Tells as Events (core/v1) what happened to objects, as `kubectl describe` shows it. Nobody waits for it,
/// and it takes little: EventSeriesTable says what is written; one call is under way at a time; while the
/// server is away, each series waits once, with what happened last. What the server refuses is said once
/// and dropped. Control thread only.
class EventRecorder {
 public:
  struct Counters {
    uint64_t written = 0;
    uint64_t held_back = 0;  ///< told with a later write, if there is one
    uint64_t refused = 0;
  };

  /// Both outlive this.
  EventRecorder(boost::asio::io_context& context, ApiClient& client, EventSettings settings);
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;

  void record(const EventAbout& about, bool warning, const std::string& reason, const std::string& message);
  void record(const store::Object& about, bool warning, const std::string& reason,
              const std::string& message);

  const Counters& counters() const { return counters_; }

 private:
  void send_next();
  void send(const std::string& key, EventSeries& series);
  void on_answer(const std::string& key, const Result<ApiAnswer>& answer);
  void wait();
  std::string fresh_name(const EventSeries& series);
  void refuse(const ApiAnswer& answer);

  ApiClient& client_;
  const EventSettings settings_;
  EventSeriesTable table_;
  std::deque<std::string> waiting_;     ///< keys, in their order
  std::set<std::string> waiting_keys_;  ///< the same
  std::shared_ptr<void> call_;
  boost::asio::steady_timer pause_;
  std::chrono::milliseconds delay_{0};  ///< before the next try; zero: the last one got through
  bool pausing_ = false;
  std::string complaint_;
  uint64_t last_stamp_ = 0;
  Counters counters_;
};

/// In Prometheus' text format.
std::string metrics_of(const EventRecorder::Counters& counters);

}  // namespace remora::kubernetes

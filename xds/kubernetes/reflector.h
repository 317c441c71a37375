#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kubernetes/api_client.h"
#include "kubernetes/kind_state.h"
#include "kubernetes/wire.h"

namespace remora::kubernetes {

/// How patient the reading is. Less is for tests.
struct Timing {
  std::chrono::milliseconds first_delay{500};  ///< after a failure; doubles with each further one
  std::chrono::milliseconds longest_delay{15'000};
  /// How long the server is asked to keep a watch; up to twice as long. One that is there `grace` later is
  /// dead.
  std::chrono::seconds watch{300};
  std::chrono::milliseconds grace{30'000};
};

/// Who is told what a reflector reads.
class ReflectorSink {
 public:
  virtual ~ReflectorSink() = default;
  /// Everything there is of the kind at `version`, except for what could not be read.
  virtual void on_list(const ApiKind& kind, std::vector<store::ObjectPtr> objects,
                       const std::vector<Unreadable>& unreadable, uint64_t version) = 0;
  virtual void on_object(const store::ObjectPtr& object) = 0;
  virtual void on_removed(const store::ObjectKey& key, uint64_t version, const std::string& uid) = 0;
  virtual void on_state(const KindState& state) = 0;
};

/// Follows one kind: lists it page by page, then watches it from there, for ever. A watch that ends is taken
/// up where it ended; one whose place the server has forgotten (410) begins with a list again. What goes
/// wrong is tried again after a growing, random time. Control thread only.
class Reflector : public std::enable_shared_from_this<Reflector> {
 public:
  /// All outlive the reflector.
  Reflector(boost::asio::io_context& context, ApiClient& client, const ApiKind& kind, Timing timing,
            ReflectorSink& sink);

  void start() { list(); }
  /// Nothing is told after this.
  void stop();
  const KindState& state() const { return state_; }

 private:
  void list();
  void list_page(const std::string& continue_token);
  void on_page(const Result<ApiAnswer>& answer);
  void watch();
  void on_line(std::string_view line);
  void on_watch_end(const Result<ApiAnswer>& answer);
  void take(const WatchEvent& event);

  void refused(const Refusal& refusal);
  void failed(KindState::Condition condition, const std::string& message);
  void relist();
  void again_later(std::chrono::milliseconds delay, void (Reflector::*what)());
  std::chrono::milliseconds next_delay();
  void enter(KindState::Condition condition, const std::string& message);

  boost::asio::steady_timer timer_;
  boost::asio::steady_timer deadline_;  // of a watch
  ApiClient& client_;
  const Timing timing_;
  ReflectorSink& sink_;
  KindState state_;
  std::shared_ptr<void> call_;
  size_t version_index_ = 0;  // of the API's versions: the one in use
  size_t page_size_;
  ListPage pages_;   // those of a list that have come
  uint64_t at_ = 0;  // where a watch goes on; 0: list first
  std::chrono::steady_clock::time_point watch_began_;
  unsigned failures_ = 0;  // in a row
  std::minstd_rand random_;
};

}  // namespace remora::kubernetes

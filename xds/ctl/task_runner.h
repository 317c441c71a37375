#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "remora/core/result.h"

namespace remora::ctl {

/// Runs commands in process groups of their own, side by side: bounded in number, time and remembered output.
/// Nothing that it started outlives it.
class TaskRunner {
 public:
  struct Limits {
    size_t running = 8;
    std::chrono::milliseconds duration{std::chrono::hours(1)};
  };

  enum class Started {
    kNow,
    kLater,  ///< the same one runs: once more when it has ended, however often it was asked for meanwhile
    kTooMany,
  };

  TaskRunner(boost::asio::io_context& context, Limits limits);
  ~TaskRunner();

  /// `owner` and `command` together say which task it is: the same one does not run twice at a time.
  Result<Started> start(const std::string& owner, const std::string& command,
                        const std::vector<std::string>& words, bool log_output);
  /// Kills all, and waits for their end.
  void close();

 private:
  struct Task {
    explicit Task(boost::asio::io_context& context) : output(context), timer(context) {}

    std::string owner;
    std::string command;
    std::vector<std::string> words;
    bool again = false;  ///< to be run once more

    [[nodiscard]] std::string key() const { return owner + '\n' + command; }
    [[nodiscard]] std::string name() const { return owner + ": " + command; }  ///< for the log
    pid_t pid = 0;
    bool log_output = false;
    bool over_time = false;
    boost::asio::posix::stream_descriptor output;
    boost::asio::steady_timer timer;
    std::array<char, 4096> buffer{};
    std::string text;  ///< the last part of what it has said
    std::chrono::steady_clock::time_point since;
  };
  using TaskPtr = std::shared_ptr<Task>;

  Result<Started> run(const TaskPtr& task);
  void read(const TaskPtr& task);
  void limit(const TaskPtr& task);
  void wait_for_children();
  void reap();
  void finish(const TaskPtr& task, int status);

  boost::asio::io_context& context_;
  const Limits limits_;
  boost::asio::signal_set children_;
  std::map<std::string, TaskPtr> tasks_;
};

/// One line on stderr with the time in front; control characters become dots, so that nobody writes lines of
/// ours.
void log_line(const std::string& text);

}  // namespace remora::ctl

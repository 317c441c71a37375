#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "remora/config/access_log.h"
#include "remora/core/result.h"

namespace remora {

/// One place that log lines go to: a file, stdout or stderr. Lines are handed over by workers, a batch a
/// turn, and written by the AccessLogWriter's thread, so that a slow disk never stalls traffic.
class LogFile {
 public:
  LogFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~LogFile();

 private:
  friend class AccessLogWriter;
  int fd_;
  std::string path_;     // "" for stdout and stderr
  std::string pending_;  // under the writer's mutex
  uint64_t dropped_ = 0;
};

/// All access logs of the process and the thread that writes them. Any thread may hand lines over.
class AccessLogWriter {
 public:
  AccessLogWriter();
  /// Writes what is left.
  ~AccessLogWriter();

  /// The file of one log, shared by all logs with the same path. Error: it cannot be opened.
  Result<std::shared_ptr<LogFile>> open(const AccessLogConfig& config);
  /// Takes the lines (empties `lines`). Beyond kMaxPending lines are dropped and counted: logging never
  /// blocks.
  void hand_over(LogFile& file, std::string& lines);
  /// Closes and opens every file anew: for log rotation.
  void reopen();
  /// Lines dropped since start.
  [[nodiscard]] uint64_t dropped();

  static constexpr size_t kMaxPending = 64 * 1024 * 1024;

 private:
  void run();
  void write_all(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::unordered_map<std::string, std::shared_ptr<LogFile>> files_;
  bool stop_ = false;
  bool work_ = false;
  std::thread thread_;
};

}  // namespace remora

#include "access_log_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace remora {
namespace {

int open_for_append(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

void write_fully(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // a full disk or a closed pipe: lines are lost, traffic is not
    text.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

LogFile::~LogFile() {
  if (!path_.empty()) ::close(fd_);
}

AccessLogWriter::AccessLogWriter() : thread_([this] { run(); }) {}

AccessLogWriter::~AccessLogWriter() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

Result<std::shared_ptr<LogFile>> AccessLogWriter::open(const AccessLogConfig& config) {
  const bool file = config.sink == AccessLogConfig::Sink::kFile;
  const std::string key = file                                            ? config.path
                          : config.sink == AccessLogConfig::Sink::kStdout ? "/dev/stdout"
                                                                          : "/dev/stderr";
  const std::lock_guard lock(mutex_);
  if (const auto found = files_.find(key); found != files_.end()) return found->second;
  int fd =
      config.sink == AccessLogConfig::Sink::kStdout || key == "/dev/stdout" ? STDOUT_FILENO : STDERR_FILENO;
  const bool standard = key == "/dev/stdout" || key == "/dev/stderr";
  if (!standard) fd = open_for_append(key);
  if (fd < 0) return Error{"unable to open access log file '" + key + "': " + std::strerror(errno)};
  auto opened = std::make_shared<LogFile>(fd, standard ? std::string() : key);
  files_.emplace(key, opened);
  return opened;
}

void AccessLogWriter::hand_over(LogFile& file, std::string& lines) {
  {
    const std::lock_guard lock(mutex_);
    if (file.pending_.size() + lines.size() > kMaxPending) {
      file.dropped_ += static_cast<uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
    } else {
      file.pending_ += lines;
    }
    work_ = true;
  }
  lines.clear();
  wake_.notify_one();
}

void AccessLogWriter::reopen() {
  const std::lock_guard lock(mutex_);
  for (auto& [key, file] : files_) {
    if (file->path_.empty()) continue;
    const int fresh = open_for_append(file->path_);
    if (fresh < 0) continue;
    ::dup2(fresh, file->fd_);
    ::close(fresh);
  }
}

uint64_t AccessLogWriter::dropped() {
  const std::lock_guard lock(mutex_);
  uint64_t sum = 0;
  for (const auto& [key, file] : files_) sum += file->dropped_;
  return sum;
}

void AccessLogWriter::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return work_ || stop_; });
    write_all(lock);
    if (stop_ && !work_) return;
  }
}

void AccessLogWriter::write_all(std::unique_lock<std::mutex>& lock) {
  work_ = false;
  std::vector<std::pair<std::shared_ptr<LogFile>, std::string>> batch;
  for (auto& [key, file] : files_) {
    if (!file->pending_.empty()) batch.emplace_back(file, std::exchange(file->pending_, {}));
  }
  lock.unlock();
  for (auto& [file, text] : batch) write_fully(file->fd_, text);
  lock.lock();
}

}  // namespace remora

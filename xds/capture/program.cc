#include "capture/program.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace remora::capture {
namespace {

constexpr size_t kMaxOutput = 4 * 1024 * 1024;
constexpr auto kDeadline = std::chrono::minutes(1);
constexpr int kNetAdmin = 12;  // linux/capability.h

/// One end of a pipe, closed with it.
class Pipe {
 public:
  Pipe() {
    if (pipe2(ends_.data(), O_CLOEXEC) != 0) ends_ = {-1, -1};
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  [[nodiscard]] int reading() const { return ends_[0]; }
  [[nodiscard]] int writing() const { return ends_[1]; }
  void close_end(size_t which) {
    if (ends_[which] >= 0) close(ends_[which]);
    ends_[which] = -1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

struct Pipes {
  Pipe input;
  Pipe output;
  Pipe errors;

  [[nodiscard]] bool good() const {
    return input.reading() >= 0 && output.reading() >= 0 && errors.reading() >= 0;
  }
};

Result<pid_t> spawn(const std::vector<std::string>& words, Pipes& pipes) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipes.input.reading(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipes.output.writing(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipes.errors.writing(), STDERR_FILENO);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int failure = posix_spawn(&pid, words.front().c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) return Error{words.front() + " could not be started: " + std::strerror(failure)};
  pipes.input.close_end(0);
  pipes.output.close_end(1);
  pipes.errors.close_end(1);
  return pid;
}

/// Reads what there is; false at the end.
bool read_some(int descriptor, std::string& text) {
  std::array<char, 16384> buffer;
  const ssize_t got = read(descriptor, buffer.data(), buffer.size());
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  const size_t room = kMaxOutput - std::min(kMaxOutput, text.size());
  text.append(buffer.data(), std::min(room, static_cast<size_t>(got)));
  return got > 0;
}

/// Writes what fits; false when all is written, or nobody reads it any more.
bool write_some(int descriptor, std::string_view& input) {
  const ssize_t taken = write(descriptor, input.data(), input.size());
  if (taken < 0) return errno == EINTR || errno == EAGAIN;
  input.remove_prefix(static_cast<size_t>(taken));
  return !input.empty();
}

/// Moves bytes until the program has closed its outputs; false where it takes too long.
bool converse(Pipes& pipes, std::string_view input, Finished& finished) {
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  fcntl(pipes.input.writing(), F_SETFL, O_NONBLOCK);
  if (input.empty()) pipes.input.close_end(1);
  while (pipes.output.reading() >= 0 || pipes.errors.reading() >= 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    std::array<pollfd, 3> ready{pollfd{pipes.input.writing(), POLLOUT, 0},
                                pollfd{pipes.output.reading(), POLLIN, 0},
                                pollfd{pipes.errors.reading(), POLLIN, 0}};
    if (left.count() <= 0) return false;
    if (poll(ready.data(), ready.size(), static_cast<int>(left.count())) < 0 && errno != EINTR) return false;
    if (ready[0].revents != 0 && !write_some(pipes.input.writing(), input)) pipes.input.close_end(1);
    if (ready[1].revents != 0 && !read_some(pipes.output.reading(), finished.output))
      pipes.output.close_end(0);
    if (ready[2].revents != 0 && !read_some(pipes.errors.reading(), finished.errors))
      pipes.errors.close_end(0);
  }
  return true;
}

}  // namespace

std::string find_program(const std::string& name) {
  const char* variable = std::getenv("PATH");
  const std::string path =
      std::string(variable == nullptr ? "" : variable) + ":/usr/sbin:/sbin:/usr/bin:/bin";
  for (size_t start = 0; start < path.size();) {
    const size_t end = std::min(path.find(':', start), path.size());
    const std::string folder = path.substr(start, end - start);
    start = end + 1;
    if (!folder.starts_with('/')) continue;
    const std::string candidate = folder + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

Result<Finished> run_program(const std::vector<std::string>& words, std::string_view input) {
  Pipes pipes;
  if (!pipes.good()) return Error{words.front() + ": no pipes: " + std::strerror(errno)};
  const auto pid = spawn(words, pipes);
  if (!pid.ok()) return Error{pid.error()};
  Finished finished;
  const bool ended = converse(pipes, input, finished);
  if (!ended) kill(*pid, SIGKILL);
  int status = 0;
  while (waitpid(*pid, &status, 0) < 0 && errno == EINTR) {}
  if (!ended) return Error{words.front() + " did not end within a minute"};
  finished.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return finished;
}

bool may_change_network() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("CapEff:"))
      return ((std::strtoull(line.c_str() + 7, nullptr, 16) >> kNetAdmin) & 1U) != 0;
  }
  return true;  // no /proc: the tools will say so
}

}  // namespace remora::capture

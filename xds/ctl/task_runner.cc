#include "ctl/task_runner.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace remora::ctl {
namespace {

constexpr size_t kKeepOutput = 32 * 1024;

/// What happens between fork and exec: only calls that are safe there.
[[noreturn]] void become(char* const* argv, int output, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);     // a load tester that is killed leaves no load behind
  if (getppid() != parent) _exit(127);  // it was, before that took effect
  const int input = open("/dev/null", O_RDONLY);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  close_range(STDERR_FILENO + 1, ~0U, 0);  // our sockets, which Asio leaves open across exec
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(argv[0], argv);
  _exit(127);
}

/// The process, and the end of the pipe that its output comes from.
Result<std::pair<pid_t, int>> spawn(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error{std::string("no pipe: ") + std::strerror(errno)};
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) become(argv.data(), ends[1], parent);
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return Error{std::string("no process: ") + std::strerror(errno)};
  }
  setpgid(pid, pid);  // here as well: whoever comes first
  return std::pair{pid, ends[0]};
}

std::string ending(int status) {
  if (WIFEXITED(status)) {
    return WEXITSTATUS(status) == 0 ? "finished"
                                    : "failed with exit code " + std::to_string(WEXITSTATUS(status));
  }
  return "ended by signal " + std::to_string(WTERMSIG(status));
}

}  // namespace

void log_line(const std::string& text) {
  char time_text[32];
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::strftime(time_text, sizeof time_text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  std::string plain = text;
  for (char& c : plain) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '.';
  }
  std::fprintf(stderr, "%s %s\n", time_text, plain.c_str());
}

TaskRunner::TaskRunner(boost::asio::io_context& context, Limits limits)
    : context_(context),
      limits_(limits),
      children_(context, SIGCHLD) {
  wait_for_children();
}

TaskRunner::~TaskRunner() { close(); }

Result<TaskRunner::Started> TaskRunner::start(const std::string& owner, const std::string& command,
                                              const std::vector<std::string>& words, bool log_output) {
  auto task = std::make_shared<Task>(context_);
  task->owner = owner;
  task->command = command;
  task->words = words;
  task->log_output = log_output;
  if (const auto same = tasks_.find(task->key()); same != tasks_.end()) {
    same->second->again = true;
    same->second->log_output = log_output;
    return Started::kLater;
  }
  if (tasks_.size() >= limits_.running) return Started::kTooMany;
  return run(task);
}

Result<TaskRunner::Started> TaskRunner::run(const TaskPtr& task) {
  const auto spawned = spawn(task->words);
  if (!spawned.ok()) return Error{spawned.error()};
  task->pid = spawned->first;
  task->since = std::chrono::steady_clock::now();
  boost::system::error_code error;
  task->output.assign(spawned->second, error);
  if (error) ::close(spawned->second);
  log_line(task->name() + ": started as process " + std::to_string(task->pid));
  tasks_[task->key()] = task;
  read(task);
  limit(task);
  return Started::kNow;
}

void TaskRunner::read(const TaskPtr& task) {
  task->output.async_read_some(boost::asio::buffer(task->buffer),
                               [this, task](const boost::system::error_code& error, size_t count) {
                                 if (error) return;
                                 task->text.append(task->buffer.data(), count);
                                 if (task->text.size() > 2 * kKeepOutput) {
                                   task->text.erase(0, task->text.size() - kKeepOutput);
                                 }
                                 read(task);
                               });
}

void TaskRunner::limit(const TaskPtr& task) {
  task->timer.expires_after(task->over_time ? std::chrono::milliseconds(2000) : limits_.duration);
  task->timer.async_wait([this, task](const boost::system::error_code& error) {
    if (error || task->pid == 0) return;
    kill(-task->pid, task->over_time ? SIGKILL : SIGTERM);
    if (task->over_time) return;
    task->over_time = true;
    log_line(task->name() + ": has run too long and is ended");
    limit(task);
  });
}

void TaskRunner::wait_for_children() {
  children_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    reap();
    wait_for_children();
  });
}

void TaskRunner::reap() {
  std::vector<TaskPtr> ended;
  for (auto at = tasks_.begin(); at != tasks_.end();) {
    int status = 0;
    const TaskPtr task = at->second;
    if (waitpid(task->pid, &status, WNOHANG) != task->pid) {
      ++at;
      continue;
    }
    at = tasks_.erase(at);
    finish(task, status);
    if (task->again) ended.push_back(task);
  }
  // Load that a canary asks for at every tick and that lasts as long as a tick must not have gaps.
  for (const TaskPtr& task : ended) {
    const auto started = start(task->owner, task->command, task->words, task->log_output);
    if (!started.ok()) log_line(task->name() + ": " + started.error().message);
  }
}

void TaskRunner::finish(const TaskPtr& task, int status) {
  kill(-std::exchange(task->pid, 0), SIGKILL);  // what it may have left behind
  task->timer.cancel();
  // Its last words are in the pipe, perhaps before we have been told so.
  boost::system::error_code error;
  task->output.non_blocking(true, error);
  while (!error) {
    const size_t count = task->output.read_some(boost::asio::buffer(task->buffer), error);
    if (!error) task->text.append(task->buffer.data(), count);
  }
  task->output.close(error);
  const auto took = std::chrono::steady_clock::now() - task->since;
  const double seconds = std::chrono::duration<double>(took).count();
  char took_text[32];
  std::snprintf(took_text, sizeof took_text, " after %.1f s", seconds);
  log_line(task->name() + ": " + ending(status) + took_text);
  const bool failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
  if (!failed && !task->log_output) return;
  size_t start = task->text.size() > kKeepOutput ? task->text.size() - kKeepOutput : 0;
  for (size_t end; start < task->text.size(); start = end + 1) {
    end = std::min(task->text.find('\n', start), task->text.size());
    if (end > start) log_line("  " + task->text.substr(start, end - start));
  }
}

void TaskRunner::close() {
  boost::system::error_code error;
  children_.cancel(error);
  for (const auto& [key, task] : std::exchange(tasks_, {})) {
    kill(-task->pid, SIGKILL);
    int status = 0;
    while (waitpid(task->pid, &status, 0) < 0 && errno == EINTR) {}
    log_line(task->name() + ": ended with the load tester");
    task->pid = 0;
    task->timer.cancel();
    task->output.close(error);
  }
}

}  // namespace remora::ctl

#include "crash_report.h"

#include <execinfo.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <string_view>

#include "remora/http/header_map.h"

namespace remora {

constinit thread_local const ExchangeInfo* volatile WorkingFor::current_ = nullptr;

namespace {

constexpr size_t kStackSize = size_t{64} * 1024;
constexpr int kMostFrames = 64;
constexpr size_t kMostText = 512;  // of a path or a host

struct FatalSignal {
  int number;
  std::string_view name;
  struct sigaction before;
};
std::array<FatalSignal, 5> fatal_signals{{{SIGSEGV, "Segmentation fault", {}},
                                          {SIGBUS, "Bus error", {}},
                                          {SIGILL, "Illegal instruction", {}},
                                          {SIGFPE, "Floating point exception", {}},
                                          {SIGABRT, "Aborted", {}}}};
std::atomic_flag reporting = ATOMIC_FLAG_INIT;

/// One line. All of it may be used in a signal handler: no allocation, no lock, no errno of others.
class Line {
 public:
  Line& operator<<(std::string_view text) {
    const size_t taken = std::min({text.size(), kMostText, buffer_.size() - used_});
    std::copy_n(text.data(), taken, buffer_.data() + used_);
    used_ += taken;
    return *this;
  }
  Line& number(uint64_t value, unsigned base = 10) {
    std::array<char, 20> digits;
    size_t at = digits.size();
    do {
      digits[--at] = "0123456789abcdef"[value % base];
      value /= base;
    } while (value != 0);
    return *this << std::string_view(digits.data() + at, digits.size() - at);
  }
  ~Line() {
    *this << "\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, buffer_.data(), used_);
  }

 private:
  std::array<char, 2048> buffer_;
  size_t used_ = 0;
};

void write_signal(int number, const void* address) {
  std::array<char, 16> thread{};
  ::prctl(PR_GET_NAME, thread.data());
  const auto* const known = std::ranges::find(fatal_signals, number, &FatalSignal::number);
  Line line;
  line << "Caught " << known->name << ", suspect faulting address 0x";
  line.number(reinterpret_cast<uintptr_t>(address), 16) << ", in thread " << thread.data();
}

void write_request(const ExchangeInfo& info) {
  Line line;
  line << "The thread worked for connection ";
  line.number(info.connection_id) << ", stream ";
  line.number(info.stream_id) << ": ";
  if (info.request == nullptr) {
    line << "a request that has not come";
    return;
  }
  line << info.request->method() << " " << info.request->authority() << " " << info.request->path();
  if (!info.route_cluster.empty()) line << ", to cluster " << info.route_cluster;
}

void write_backtrace() {
  std::array<void*, kMostFrames> frames;
  const int count = ::backtrace(frames.data(), kMostFrames);
  Line{} << "Backtrace (addr2line -Cfie PROGRAM OFFSET tells the lines):";
  ::backtrace_symbols_fd(frames.data(), count, STDERR_FILENO);
}

/// What is most likely to work comes first: the request's memory may be what is broken. A second fault on the
/// way ends the process at once.
void on_fatal_signal(int number, siginfo_t* what, void* /*context*/) {
  for (const auto& fatal : fatal_signals) ::sigaction(fatal.number, &fatal.before, nullptr);
  if (reporting.test_and_set()) return;  // another thread's report is under way
  write_signal(number, number == SIGABRT ? nullptr : what->si_addr);
  write_backtrace();
  if (const auto* info = WorkingFor::current()) {
    write_request(*info);
  } else {
    Line{} << "The thread worked for no request";
  }
  // A fault happens again on return; a signal that somebody has sent does not.
  if (what->si_code <= 0) ::raise(number);
}

}  // namespace

void report_crashes() {
  // The first call loads what it needs: that must not be when memory is broken.
  std::array<void*, 1> frame;
  ::backtrace(frame.data(), 1);
  struct sigaction action {};
  action.sa_sigaction = on_fatal_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  for (auto& fatal : fatal_signals) ::sigaction(fatal.number, &action, &fatal.before);
}

bool make_crash_stack() {
  void* const memory =
      ::mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) return false;
  const stack_t stack{.ss_sp = memory, .ss_flags = 0, .ss_size = kStackSize};
  return ::sigaltstack(&stack, nullptr) == 0;
}

}  // namespace remora

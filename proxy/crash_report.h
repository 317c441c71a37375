#pragma once

#include "remora/http/exchange_info.h"

namespace remora {

/// From now on a fatal signal (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT) writes to stderr what the thread was
/// at: the signal, the request, where in the program. Then the signal takes its course. Once, at start.
/// Source: Envoy, crash dump.
void report_crashes();

/// A stack of its own for the calling thread's report, which is needed where it has used up its stack. Kept
/// until the process ends; false: there was no memory for one.
bool make_crash_stack();

/// As long as it lives, this thread works for that request. Nests. Costs a few stores.
class WorkingFor {
 public:
  explicit WorkingFor(const ExchangeInfo& info) : before_(current_) { current_ = &info; }
  ~WorkingFor() { current_ = before_; }
  WorkingFor(const WorkingFor&) = delete;
  WorkingFor& operator=(const WorkingFor&) = delete;

  /// Null: for no request in particular.
  [[nodiscard]] static const ExchangeInfo* current() { return current_; }

 private:
  static thread_local const ExchangeInfo* volatile current_;
  const ExchangeInfo* before_;
};

}  // namespace remora

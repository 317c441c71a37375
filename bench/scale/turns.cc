// Loaded into a proxy (LD_PRELOAD) that waits in epoll_wait: writes down each turn of its threads, from the
// return of one wait to the beginning of the next, that took long. One line a turn into the file $TURNS_FILE:
// thread, when it began (s, monotonic), how long it took (ms), of that on the CPU (ms).

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace {

constexpr double kLongCpu = 0.5;   // ms
constexpr double kLongTurn = 2.0;  // ms

int output = -1;
thread_local double began = 0;
thread_local double began_cpu = 0;

double milliseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

[[gnu::constructor]] void open_output() {
  if (const char* file = std::getenv("TURNS_FILE"))
    output = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

void turn_ends() {
  if (output < 0 || began == 0) return;
  const double turn = milliseconds(CLOCK_MONOTONIC) - began;
  const double cpu = milliseconds(CLOCK_THREAD_CPUTIME_ID) - began_cpu;
  if (cpu < kLongCpu && turn < kLongTurn) return;
  char thread[16] = "";
  prctl(PR_GET_NAME, thread);
  char line[128];
  const int size =
      std::snprintf(line, sizeof(line), "%s\t%.4f\t%.3f\t%.3f\n", thread, began / 1e3, turn, cpu);
  if (write(output, line, static_cast<size_t>(size)) != size) output = -1;
}

}  // namespace

extern "C" int epoll_wait(int fd, epoll_event* events, int most, int timeout) {
  using Wait = int (*)(int, epoll_event*, int, int);
  static const Wait wait = reinterpret_cast<Wait>(dlsym(RTLD_NEXT, "epoll_wait"));
  turn_ends();
  const int ready = wait(fd, events, most, timeout);
  began = milliseconds(CLOCK_MONOTONIC);
  began_cpu = milliseconds(CLOCK_THREAD_CPUTIME_ID);
  return ready;
}

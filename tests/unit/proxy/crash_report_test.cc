#include "crash_report.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <string>

#include "remora/http/header_map.h"

namespace remora {
namespace {

// Sanitizers have reports of their own, and no room for ours.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

class CrashReportDeathTest : public testing::Test {
 protected:
  CrashReportDeathTest() {
    request_.add(HeaderId::kMethod, "POST");
    request_.add(HeaderId::kAuthority, "shop.example");
    request_.add(HeaderId::kPath, "/cart?item=7");
    info_.connection_id = 281474976710663;
    info_.stream_id = 42;
    info_.request = &request_;
    info_.route_cluster = "carts";
  }
  HeaderMap request_;
  ExchangeInfo info_;
};

void prepare() {
  make_crash_stack();
  report_crashes();
}

int overflow(int depth) {
  volatile char frame[4096] = {};
  frame[depth % 4096] = 1;
  return depth > 1 << 30 ? 0 : overflow(depth + 1) + frame[7];
}

TEST_F(CrashReportDeathTest, TellsTheSignalTheRequestAndWhere) {
  EXPECT_EXIT(
      {
        prepare();
        const WorkingFor working(info_);
        volatile uintptr_t nowhere = 16;  // unknown to the compiler, which would refuse to write there
        *reinterpret_cast<volatile int*>(nowhere) = 1;
      },
      testing::KilledBySignal(SIGSEGV),
      "Caught Segmentation fault, suspect faulting address 0x10, in thread .*\n"
      "(.*\n)*.*unit_proxy(.*\n)*"
      "The thread worked for connection 281474976710663, stream 42: POST shop.example /cart\\?item=7, to "
      "cluster carts");
}

TEST_F(CrashReportDeathTest, AnAbortIsOne) {
  EXPECT_EXIT(
      {
        prepare();
        const WorkingFor working(info_);
        std::abort();
      },
      testing::KilledBySignal(SIGABRT),
      "Caught Aborted(.*\n)*The thread worked for connection 281474976710663");
}

TEST_F(CrashReportDeathTest, AUsedUpStackIsOne) {
  EXPECT_EXIT(
      {
        prepare();
        const WorkingFor working(info_);
        overflow(0);
      },
      testing::KilledBySignal(SIGSEGV),
      "Caught Segmentation fault(.*\n)*The thread worked for connection 281474976710663");
}

TEST_F(CrashReportDeathTest, BrokenMemoryOfTheRequestEndsTheReportOnly) {
  EXPECT_EXIT(
      {
        prepare();
        info_.request = reinterpret_cast<const HeaderMap*>(8);
        const WorkingFor working(info_);
        std::abort();
      },
      testing::KilledBySignal(SIGSEGV), "Caught Aborted(.*\n)*Backtrace");
}

TEST_F(CrashReportDeathTest, ASignalThatIsSentTakesItsCourse) {
  EXPECT_EXIT(
      {
        prepare();
        kill(getpid(), SIGBUS);
      },
      testing::KilledBySignal(SIGBUS), "Caught Bus error(.*\n)*The thread worked for no request");
}

#endif

TEST(WorkingFor, Nests) {
  const ExchangeInfo outer;
  const ExchangeInfo inner;
  EXPECT_EQ(WorkingFor::current(), nullptr);
  {
    const WorkingFor first(outer);
    {
      const WorkingFor second(inner);
      EXPECT_EQ(WorkingFor::current(), &inner);
    }
    EXPECT_EQ(WorkingFor::current(), &outer);
  }
  EXPECT_EQ(WorkingFor::current(), nullptr);
}

}  // namespace
}  // namespace remora

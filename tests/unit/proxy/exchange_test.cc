#include "exchange.h"

#include <gtest/gtest.h>

#include <string>

#include "unit/proxy/proxy_harness.h"
#include "unit/support/allocation_counter.h"

namespace remora {
namespace {

const std::string kRequest =
    "GET /path?q=1 HTTP/1.1\r\nHost: service\r\nUser-Agent: test\r\nAccept: */*\r\nX-Some: value\r\n\r\n";
const std::string kResponse = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";

TEST(Exchange, CarriesARequestAndItsAnswer) {
  ProxyHarness proxy;
  proxy.connect_client();
  const auto answer = proxy.exchange(kRequest, kResponse);
  EXPECT_TRUE(proxy.seen_by_backend.starts_with("GET /path?q=1 HTTP/1.1\r\nhost: service\r\n"))
      << proxy.seen_by_backend;
  EXPECT_NE(proxy.seen_by_backend.find("x-added: yes\r\n"), std::string::npos);
  EXPECT_NE(proxy.seen_by_backend.find("x-forwarded-for: 127.0.0.1\r\n"), std::string::npos);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nhello")) << answer;
}

// The rule of the data plane: a request in steady state (warm connections, warm arenas) allocates nothing.
TEST(Exchange, AllocatesNothingInSteadyState) {
  ProxyHarness proxy;
  proxy.connect_client();
  for (int i = 0; i < 50; ++i) ASSERT_FALSE(proxy.exchange(kRequest, kResponse).empty());
  const auto before = test::allocations();
  for (int i = 0; i < 200; ++i) ASSERT_FALSE(proxy.exchange(kRequest, kResponse).empty());
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace remora

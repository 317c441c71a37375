#include "client/dns/cares_resolver.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <set>

#include "client/dns/dns_stats.h"

namespace remora::xds {
namespace {

/// A name server that only listens.
class Listener {
 public:
  Listener() {
    const int room = 1 << 20;  // for all questions at once
    EXPECT_EQ(::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
    const auto address = *Address::ip("127.0.0.1", 0);
    EXPECT_EQ(::bind(socket_, address.sockaddr_ptr(), address.length()), 0);
  }
  ~Listener() { ::close(socket_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  Address address() const {
    sockaddr_storage at{};
    socklen_t size = sizeof(at);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&at), size);
  }
  /// How many questions have come, and from how many ports.
  std::pair<size_t, size_t> take() {
    std::set<std::string> ports;
    size_t count = 0;
    char bytes[512];
    sockaddr_storage from{};
    socklen_t size = sizeof(from);
    while (::recvfrom(socket_, bytes, sizeof(bytes), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from),
                      &size) > 0) {
      ++count;
      ports.insert(Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&from), size).to_string());
    }
    return {count, ports.size()};
  }

 private:
  int socket_ = ::socket(AF_INET, SOCK_DGRAM, 0);
};

class CaresResolverTest : public testing::Test {
 protected:
  CaresResolverTest() {
    config_.servers = {server_.address()};
    config_.no_search = true;
  }
  void begin() { resolver_.emplace(config_, stats_); }
  void ask(const std::string& name, DnsLookupFamily family = DnsLookupFamily::kV4Only) {
    resolver_->resolve(name, family,
                       [this](DnsAnswer answer, MonotonicTime) { answer_ = std::move(answer); });
  }

  Listener server_;
  DnsResolverConfig config_;
  StatsStore store_{1};
  std::shared_ptr<StatScope> stats_ = make_cares_scope(store_);
  std::optional<CaresResolver> resolver_;
  std::optional<DnsAnswer> answer_;
  MonotonicTime now_ = std::chrono::steady_clock::now();
};

TEST_F(CaresResolverTest, SoManyQuestionsAreUnderWay) {
  begin();
  for (size_t i = 0; i < CaresResolver::kMostUnderWay + 50; ++i) ask("n" + std::to_string(i) + ".test");
  resolver_->run(now_);
  EXPECT_EQ(server_.take().first, CaresResolver::kMostUnderWay);
  EXPECT_EQ(stats_->value(kPendingResolutions), CaresResolver::kMostUnderWay);
  resolver_.reset();
  EXPECT_FALSE(answer_) << "nobody is told at the end";
}

TEST_F(CaresResolverTest, APortHasSoManyQuestions) {
  config_.udp_max_queries = 10;
  begin();
  for (int i = 0; i < 35; ++i) ask("n" + std::to_string(i) + ".test");
  resolver_->run(now_);
  EXPECT_EQ(server_.take(), (std::pair<size_t, size_t>(35, 4)));
}

TEST_F(CaresResolverTest, LiteralAddressesAreNotAskedFor) {
  begin();
  ask("10.0.0.1");
  EXPECT_FALSE(answer_) << "not before resolve() has returned";
  EXPECT_EQ(resolver_->next_due(now_), now_);
  resolver_->run(now_);
  ASSERT_TRUE(answer_);
  EXPECT_TRUE(answer_->is_answered);
  ASSERT_EQ(answer_->addresses.size(), 1u);
  EXPECT_EQ(answer_->addresses[0].host(), "10.0.0.1");
  ask("10.0.0.1", DnsLookupFamily::kV6Only);
  resolver_->run(now_);
  EXPECT_FALSE(answer_->is_answered) << "of a family that is not wanted";
  EXPECT_EQ(server_.take().first, 0u);
}

}  // namespace
}  // namespace remora::xds

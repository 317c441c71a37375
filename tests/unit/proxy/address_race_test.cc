#include "net/address_race.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

namespace remora {
namespace {

Address v4(int number) { return *Address::ip("10.0.0." + std::to_string(number), 80); }
Address v6(int number) { return *Address::ip("fd00::" + std::to_string(number), 80); }

std::string text_of(const std::vector<Address>& addresses) {
  std::string text;
  for (const Address& address : addresses) text += address.to_string() + ' ';
  return text;
}

TEST(AttemptOrder, FamiliesTakeTurns) {
  const std::vector<Address> others{v4(2), v4(3), v6(1), v6(2)};
  EXPECT_EQ(text_of(attempt_order(v4(1), others, {})),
            "10.0.0.1:80 [fd00::1]:80 10.0.0.2:80 [fd00::2]:80 10.0.0.3:80 ");
  EXPECT_EQ(text_of(attempt_order(v4(1), others, {HappyEyeballs::First::kV6, 1})),
            "[fd00::1]:80 10.0.0.1:80 [fd00::2]:80 10.0.0.2:80 10.0.0.3:80 ");
  EXPECT_EQ(text_of(attempt_order(v4(1), others, {HappyEyeballs::First::kDefault, 2})),
            "10.0.0.1:80 10.0.0.2:80 [fd00::1]:80 10.0.0.3:80 [fd00::2]:80 ");
  EXPECT_EQ(text_of(attempt_order(v4(1), {}, {HappyEyeballs::First::kV6, 1})), "10.0.0.1:80 ");
}

/// A listening port of the loopback address, or one where nobody listens.
class Port {
 public:
  explicit Port(bool open) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const auto any = *Address::ip("127.0.0.1", 0);
    EXPECT_EQ(::bind(fd_, any.sockaddr_ptr(), any.length()), 0);
    if (open) {
      EXPECT_EQ(::listen(fd_, 8), 0);
    }
  }
  ~Port() { ::close(fd_); }
  [[nodiscard]] Address address() const {
    sockaddr_in name{};
    socklen_t length = sizeof(name);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&name), &length);
    return *Address::ip("127.0.0.1", ntohs(name.sin_port));
  }

 private:
  int fd_;
};

class AddressRaceTest : public testing::Test {
 protected:
  void run(std::vector<Address> addresses) {
    AddressRace race(reactor_, std::move(addresses),
                     [this](const Address& address) {
                       ++dials_;
                       return address.port() == 1 ? Dialled{-1, "no socket", false} : dial(address);
                     },
                     {[this](int fd) { won_ = fd; },
                      [this](int error, const std::string& why) {
                        lost_ = {error, why};
                      }});
    race.start();
    EXPECT_FALSE(won_ || lost_) << "never from within";
    while (!won_ && !lost_) reactor_.turn(50);
    if (won_) ::close(*won_);
  }

  Reactor reactor_;
  int dials_ = 0;
  std::optional<int> won_;
  std::optional<std::pair<int, std::string>> lost_;
};

TEST_F(AddressRaceTest, TheFirstThatAnswers) {
  const Port open(true);
  run({open.address(), open.address()});
  EXPECT_TRUE(won_);
  EXPECT_EQ(dials_, 1);
}

TEST_F(AddressRaceTest, AfterFailuresTheNext) {
  const Port closed(false);
  const Port open(true);
  run({*Address::ip("127.0.0.1", 1), closed.address(), open.address()});
  EXPECT_TRUE(won_);
  EXPECT_EQ(dials_, 3);
}

TEST_F(AddressRaceTest, TheLastFailureIsTold) {
  const Port closed(false);
  run({*Address::ip("127.0.0.1", 1), closed.address()});
  ASSERT_TRUE(lost_);
  EXPECT_EQ(lost_->first, ECONNREFUSED);
}

TEST_F(AddressRaceTest, AlsoWhereThereIsNoSocket) {
  run({*Address::ip("127.0.0.1", 1), *Address::ip("127.0.0.1", 1)});
  ASSERT_TRUE(lost_);
  EXPECT_EQ(*lost_, std::make_pair(0, std::string("no socket")));
}

}  // namespace
}  // namespace remora

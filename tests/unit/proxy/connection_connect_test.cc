#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "net/connection.h"
#include "net/dial.h"

namespace remora {
namespace {

class Peer final : public ConnectionOwner {
 public:
  void on_connected() override { log += "connected "; }
  size_t on_bytes(std::string_view bytes) override {
    log += std::string(bytes) + " ";
    return bytes.size();
  }
  void on_end() override { log += "end "; }
  void on_error(int) override { log += "error "; }
  void on_written(size_t, bool) override {}
  std::string log;
};

// The end of connect() and what a server says first are one event: its edge must not be lost.
TEST(Connect, AServerThatSpeaksFirstAndLeavesIsHeard) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  socklen_t length = sizeof(address);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  ASSERT_EQ(listen(listener, 1), 0);

  Reactor reactor;
  Peer peer;
  Connection connection(reactor, peer);
  const auto dialled = dial(Address::from_sockaddr(reinterpret_cast<sockaddr*>(&address), length));
  ASSERT_GE(dialled.fd, 0) << dialled.failure;
  connection.connect(dialled.fd);
  const int accepted = accept(listener, nullptr, nullptr);
  ASSERT_EQ(write(accepted, "hello", 5), 5);
  close(accepted);
  for (int i = 0; i < 3; ++i) reactor.turn(1);
  EXPECT_EQ(peer.log, "connected hello end ");
  close(listener);
}

}  // namespace
}  // namespace remora

// Connection with a transport, over real sockets: handshakes, back-pressure, ends and refusals.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "net/connection.h"
#include "net/reactor.h"
#include "proxy/tls_harness.h"

namespace remora {
namespace {

/// Keeps what it hears.
struct Owner final : ConnectionOwner {
  explicit Owner(Reactor& reactor) : connection(reactor, *this) {}
  void on_connected() override { ++connected; }
  size_t on_bytes(std::string_view bytes) override {
    received += bytes;
    if (pause_on_bytes) connection.pause_reading();
    return bytes.size();
  }
  void on_end() override { ++ended; }
  void on_error(int value) override { error = value; }
  void on_written(size_t bytes, bool all) override {
    written += bytes;
    all_written = all;
  }
  Connection connection;
  std::string received;
  int connected = 0;
  int ended = 0;
  int error = 0;
  size_t written = 0;
  bool all_written = false;
  bool pause_on_bytes = false;
};

struct ConnectionTlsTest : ::testing::Test, test::TlsWorld {
  ConnectionTlsTest() { apply(); }

  /// Both ends of one socket pair, each with its transport.
  void connect() {
    std::array<int, 2> fds{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
    server.connection.adopt(fds[0], server_slot->current()->accept(1));
    client.connection.adopt(fds[1], client_slot->current()->connect({}));
    client.connection.flush_soon();
  }
  template <typename Done>
  void turn_until(Done done) {
    for (int i = 0; i < 2000 && !done(); ++i) reactor.turn(5);
    EXPECT_TRUE(done());
  }
  void open() {
    connect();
    turn_until([&] { return client.connected == 1 && server.connected == 1; });
  }

  Reactor reactor;
  Owner client{reactor};
  Owner server{reactor};
};

TEST_F(ConnectionTlsTest, AdoptedConnectionsShakeHandsAndSayWhen) {
  connect();
  EXPECT_EQ(client.connected, 0);
  EXPECT_EQ(client.connection.tls(), nullptr);
  turn_until([&] { return client.connected == 1 && server.connected == 1; });
  EXPECT_EQ(server.connection.tls()->version, "TLSv1.3");
  EXPECT_EQ(server.connection.transport_failure(), "");
}

TEST_F(ConnectionTlsTest, AnOwnerThatReadsNothingYetHoldsUpNoHandshake) {
  server.connection.pause_reading();
  client.connection.pause_reading();
  connect();
  client.connection.output().append("hello");
  turn_until([&] { return client.connected == 1 && server.connected == 1; });
  for (int i = 0; i < 20; ++i) reactor.turn(0);
  EXPECT_EQ(server.received, "");
  server.connection.resume_reading();
  turn_until([&] { return server.received == "hello"; });
}

TEST_F(ConnectionTlsTest, WhatIsWrittenBeforeTheHandshakeWaitsForIt) {
  connect();
  client.connection.output().append("early");
  client.connection.flush_soon();
  turn_until([&] { return server.received == "early"; });
  EXPECT_EQ(client.connected, 1);
  EXPECT_EQ(client.written, 5U);
}

// Plain bytes count as written, and their credit comes back, when the kernel has taken their sealed form.
TEST_F(ConnectionTlsTest, APeerThatDoesNotReadHoldsWhatIsSentToIt) {
  open();
  server.connection.pause_reading();
  auto* account = CreditAccount::make(nullptr, 1);
  const std::string body(4 << 20, 'b');
  client.connection.write({body, Credit(*account, body.size())});
  for (int i = 0; i < 50; ++i) reactor.turn(0);
  EXPECT_FALSE(client.all_written);
  EXPECT_TRUE(account->exhausted());
  EXPECT_EQ(client.written + client.connection.unsent(), body.size());
  server.connection.resume_reading();
  turn_until([&] { return server.received.size() == body.size(); });
  EXPECT_EQ(server.received, body);
  EXPECT_TRUE(client.all_written);
  EXPECT_FALSE(account->exhausted());
  account->release_reference();
}

TEST_F(ConnectionTlsTest, APausedOwnerIsShownTheRestLater) {
  open();
  server.pause_on_bytes = true;
  client.connection.output().append(std::string(200000, 'x'));
  client.connection.flush_soon();
  turn_until([&] { return !server.received.empty(); });
  const size_t before = server.received.size();
  for (int i = 0; i < 20; ++i) reactor.turn(0);
  EXPECT_EQ(server.received.size(), before);
  client.connection.shutdown_write();
  server.pause_on_bytes = false;
  server.connection.resume_reading();
  turn_until([&] { return server.ended == 1; });
  EXPECT_EQ(server.received.size(), 200000U);
}

TEST_F(ConnectionTlsTest, TheEndOfOneDirectionLeavesTheOther) {
  open();
  client.connection.output().append("question");
  client.connection.flush_soon();
  client.connection.shutdown_write();
  turn_until([&] { return server.ended == 1; });
  EXPECT_EQ(server.received, "question");
  server.connection.output().append("answer");
  server.connection.flush_soon();
  turn_until([&] { return client.received == "answer"; });
  EXPECT_EQ(client.ended + server.error + client.error, 0);
}

TEST_F(ConnectionTlsTest, CloseSaysGoodbye) {
  open();
  for (int i = 0; i < 10; ++i) reactor.turn(0);  // the server's ticket arrives
  client.connection.close();
  turn_until([&] { return server.ended == 1; });
  EXPECT_EQ(server.error, 0);
}

TEST_F(ConnectionTlsTest, ACutIsAnError) {
  open();
  ::shutdown(client.connection.fd(), SHUT_WR);
  turn_until([&] { return server.error != 0; });
  EXPECT_EQ(server.error, EPROTO);
  EXPECT_EQ(server.ended, 0);
  EXPECT_NE(server.connection.transport_failure().find("UNEXPECTED_EOF"), std::string_view::npos);
  EXPECT_TRUE(server.connection.closed());
}

// Of bytes that have not left there is no end to speak of: the peer must not take what it got for all.
TEST_F(ConnectionTlsTest, CloseInTheMiddleIsACut) {
  open();
  server.connection.pause_reading();
  client.connection.output().append(std::string(4 << 20, 'b'));
  client.connection.flush_soon();
  for (int i = 0; i < 20; ++i) reactor.turn(0);
  client.connection.close();
  server.connection.resume_reading();
  turn_until([&] { return server.error != 0; });
  EXPECT_EQ(server.error, EPROTO);
  EXPECT_EQ(server.ended, 0);
}

TEST_F(ConnectionTlsTest, CloseBeforeTheFlushIsACut) {
  open();
  for (int i = 0; i < 10; ++i) reactor.turn(0);
  client.connection.output().append("lost");
  client.connection.close();
  turn_until([&] { return server.error + server.ended != 0; });
  EXPECT_EQ(server.error, EPROTO);
  EXPECT_EQ(server.ended, 0);
}

// The client of TLS 1.3 talks as soon as it has shown its certificate: what it says must not turn the alert
// into a reset.
TEST_F(ConnectionTlsTest, ARefusedClientHearsWhy) {
  down.common.validation.content = test::trusting(ca.pem());
  down.require_client_certificate = true;
  apply();
  connect();
  client.connection.output().append(std::string(100000, 'r'));
  turn_until([&] { return client.error != 0; });
  EXPECT_EQ(client.connected, 1);
  EXPECT_NE(client.connection.transport_failure().find("ALERT_CERTIFICATE_REQUIRED"), std::string_view::npos)
      << client.connection.transport_failure();
  EXPECT_EQ(server.error, EPROTO);
  EXPECT_EQ(server.connected, 0);
  turn_until([&] { return reactor.lingering().size() == 0; });
}

// A peer that neither reads nor closes is let go all the same.
TEST_F(ConnectionTlsTest, LingeringIsBounded) {
  std::array<int, 2> fds{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
  server.connection.adopt(fds[0], server_slot->current()->accept(1));
  ASSERT_EQ(::send(fds[1], "\x16\x03\x01\x00\x05hello", 10, 0), 10);
  turn_until([&] { return server.error == EPROTO; });
  EXPECT_EQ(reactor.lingering().size(), 1U);
  turn_until([&] { return reactor.lingering().size() == 0; });
  char byte = 0;
  while (::recv(fds[1], &byte, 1, 0) > 0) {}
  EXPECT_EQ(::send(fds[1], "x", 1, MSG_NOSIGNAL), -1);  // really closed
  ::close(fds[1]);
}

}  // namespace
}  // namespace remora

#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <vector>

#include "net/connection.h"
#include "net/reactor.h"
#include "remora/http/stream.h"

namespace remora {

/// Records a message as one line of text: "head(..) body(..) end".
class Recorder final : public MessageEvents {
 public:
  void on_informational(HeaderMap& head) override { log += "1xx(" + std::to_string(head.status()) + ") "; }
  void on_head(HeaderMap& head, bool end) override {
    fields.clear();
    for (const auto& field : head.fields())
      fields += std::string(field.name) + "=" + std::string(field.value) + "\n";
    log += "head(" +
           std::string(head.has(HeaderId::kStatus) ? head.value_of(HeaderId::kStatus) : head.path()) + ") ";
    if (end) log += "end ";
  }
  void on_body(BodyChunk chunk, bool end) override {
    log += "body(" + std::string(chunk.bytes) + ") ";
    if (hold) held.push_back(std::move(chunk.credit));
    if (end) log += "end ";
  }
  void on_trailers(HeaderMap& trailers) override {
    log += "trailers(" + std::to_string(trailers.size()) + ") end ";
  }
  void on_reset(Failure failure) override {
    log += failure == Failure::kNone ? "none " : "reset ";
    last_failure = failure;
  }

  std::string log;
  std::string fields;  // of the last head, "name=value" a line
  bool hold = false;
  std::vector<Credit> held;
  Failure last_failure = Failure::kNone;
};

/// A connection over a socket pair whose other end the test reads and writes.
class Wire : public ConnectionOwner, public BodySource {
 public:
  explicit Wire(size_t window = 1024 * 1024)
      : connection(reactor, *this),
        account(CreditAccount::make(this, window)) {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    connection.adopt(ends[0]);
    peer = ends[1];
  }
  ~Wire() override {
    close(peer);
    account->detach();
    account->release_reference();
  }
  size_t on_bytes(std::string_view bytes) override { return receive ? receive(bytes) : 0; }
  void on_end() override { ended = true; }
  void on_error(int) override { ended = true; }
  void on_written(size_t, bool) override {}
  void on_window_open() override { connection.resume_reading(); }

  void send(std::string_view bytes) {
    ASSERT_EQ(write(peer, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    reactor.turn(0);
    reactor.turn(0);
  }
  std::string sent() {
    reactor.turn(0);
    char buffer[65536];
    const ssize_t got = read(peer, buffer, sizeof(buffer));
    return got > 0 ? std::string(buffer, static_cast<size_t>(got)) : std::string();
  }

  Reactor reactor;
  Connection connection;
  CreditAccount* account;
  std::function<size_t(std::string_view)> receive;
  int peer = -1;
  bool ended = false;
};

}  // namespace remora

#include "admin/admin_server.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <thread>

#include <gtest/gtest.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "unit/proxy/admin_fakes.h"
#include "unit/proxy/prometheus_parser.h"

namespace remora {
namespace {

/// A blocking client connection; -1 if it was refused.
class Client {
 public:
  explicit Client(const Address& address) : fd_(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{.tv_sec = 20, .tv_usec = 0};  // a hang fails the test instead of stalling it
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    connected = connect(fd_, address.sockaddr_ptr(), address.length()) == 0;
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send_text(const std::string& text) {
    EXPECT_EQ(send(fd_, text.data(), text.size(), MSG_NOSIGNAL), std::ssize(text));
  }
  /// Everything until the server closes.
  std::string read_all() {
    std::string all;
    while (read_some(all)) {}
    return all;
  }
  /// Until `end` has been read.
  std::string read_until(const std::string& end) {
    std::string all;
    while (all.find(end) == std::string::npos && read_some(all)) {}
    return all;
  }
  bool connected = false;

 private:
  bool read_some(std::string& all) {
    char bytes[65536];
    const ssize_t n = recv(fd_, bytes, sizeof bytes, 0);
    if (n > 0) all.append(bytes, static_cast<size_t>(n));
    return n > 0;
  }
  int fd_;
};

std::string decode_chunks(const std::string& message) {
  std::string body;
  size_t at = message.find("\r\n\r\n") + 4;
  while (true) {
    const size_t line = message.find("\r\n", at);
    const size_t size = std::stoul(message.substr(at, line - at), nullptr, 16);
    if (size == 0) return body;
    body += message.substr(line + 2, size);
    at = line + 2 + size + 2;
  }
}

constexpr StatDef kSchema[] = {{.name = "one"}, {.name = "two"}};

struct AdminServerTest : ::testing::Test, AdminFixture {
  void SetUp() override {
    auto bound = server.start();
    ASSERT_TRUE(bound.ok()) << bound.error().message;
    address = *bound;
    thread = std::thread([this] { io.run(); });
  }
  void TearDown() override {
    boost::asio::post(io, [this] { server.stop(); });
    thread.join();  // ends only if stop() leaves nothing to wait for
  }
  std::string exchange(const std::string& request) {
    Client client(address);
    client.send_text(request);
    return client.read_all();
  }
  std::string get(const std::string& target) {
    return exchange("GET " + target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  }

  boost::asio::io_context io{1};
  AdminServer server{io, sources, Address::ip("127.0.0.1", 0).value()};
  Address address;
  std::thread thread;
};

TEST_F(AdminServerTest, BindsARealPortAndAnswers) {
  EXPECT_NE(address.port(), 0);
  const std::string answer = get("/ready");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_NE(answer.find("Content-Type: text/plain; charset=UTF-8\r\n"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nLIVE\n")) << answer;
  EXPECT_TRUE(get("/nope").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(get("/quitquitquit").starts_with("HTTP/1.1 405 "));
}

TEST_F(AdminServerTest, KeepsConnections) {
  Client client(address);
  for (int i = 0; i < 3; ++i) {
    client.send_text("GET /ready HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(client.read_until("LIVE\n").starts_with("HTTP/1.1 200 OK\r\n"));
  }
}

TEST_F(AdminServerTest, HeadHasNoBody) {
  const std::string answer = exchange("HEAD /ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST_F(AdminServerTest, PostWithAForm) {
  const std::string body = "paths=http:debug";
  const std::string answer = exchange(
      "POST /logging HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: "
      "application/x-www-form-urlencoded\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_NE(answer.find("http: debug"), std::string::npos) << answer;
}

TEST_F(AdminServerTest, QuitsAfterTheAnswer) {
  EXPECT_TRUE(
      exchange("POST /quitquitquit HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ends_with("OK\n"));
  EXPECT_EQ(view.quits, 1);
}

TEST_F(AdminServerTest, StreamsLongAnswers) {
  std::vector<std::shared_ptr<StatScope>> scopes;
  for (int i = 0; i < 5000; ++i) {
    const std::string name = "number-" + std::to_string(i);
    scopes.push_back(stats.make_scope(
        kSchema, {.prefix = name + ".", .prometheus_prefix = "envoy_", .tags = {{"name", name}}}));
  }
  const std::string chunked = get("/stats/prometheus");
  EXPECT_NE(chunked.find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_EQ(PrometheusText(decode_chunks(chunked)).count("envoy_two"), 5000u);

  const std::string old = exchange("GET /stats/prometheus HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.find("chunked"), std::string::npos);
  EXPECT_EQ(PrometheusText(old.substr(old.find("\r\n\r\n") + 4)).count("envoy_two"), 5000u);
}

TEST_F(AdminServerTest, AnEmptyStreamIsAWholeAnswer) {
  const std::string answer = get("/stats?filter=nothing");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_EQ(decode_chunks(answer), "");
}

TEST_F(AdminServerTest, RefusesWhatIsTooLargeOrNotHttp) {
  EXPECT_TRUE(exchange("nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(exchange("GET /ready HTTP/1.1\r\nX: " + std::string(20000, 'x') + "\r\n\r\n")
                  .starts_with("HTTP/1.1 431 "));
  EXPECT_TRUE(
      exchange("POST /logging HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n").starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(exchange("GET /" + std::string(1000000, 'a')).starts_with("HTTP/1.1 431 "));  // read to its end
  EXPECT_TRUE(get("/ready").starts_with("HTTP/1.1 200 "));
}

TEST_F(AdminServerTest, ThePeerMayGoAtAnyTime) {
  for (const char* text : {"", "GET", "GET /ready HTTP/1.1\r\nHost: a\r\n",
                           "POST /logging HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"}) {
    Client client(address);
    client.send_text(text);
  }
  EXPECT_TRUE(get("/ready").starts_with("HTTP/1.1 200 "));
}

TEST_F(AdminServerTest, IdleConnectionsMakeRoom) {
  std::vector<std::unique_ptr<Client>> idle;
  for (int i = 0; i < 40; ++i) idle.push_back(std::make_unique<Client>(address));
  EXPECT_TRUE(get("/ready").starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(idle.front()->read_all(), "");  // the oldest was closed
}

TEST_F(AdminServerTest, CountsItsConnections) {
  get("/ready");
  get("/ready");
  const std::string text = decode_chunks(get("/stats?filter=^listener.admin"));
  EXPECT_NE(text.find("listener.admin.downstream_cx_total: 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("listener.admin.downstream_cx_overflow: 0\n"), std::string::npos) << text;
}

TEST_F(AdminServerTest, StopClosesConnections) {
  Client client(address);
  client.send_text("GET /ready HTTP/1.1\r\nHost: a\r\n\r\n");
  client.read_until("LIVE\n");
  boost::asio::post(io, [this] { server.stop(); });
  EXPECT_EQ(client.read_all(), "");
}

TEST(AdminServerAddress, ABusyPortIsAnError) {
  AdminFixture fixture;
  boost::asio::io_context io{1};
  AdminServer first(io, fixture.sources, Address::ip("127.0.0.1", 0).value());
  auto bound = first.start();
  ASSERT_TRUE(bound.ok());
  AdminServer second(io, fixture.sources, *bound);
  const auto failed = second.start();
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().message,
            "admin address " + bound->to_string() + ": cannot bind: Address already in use");
}

TEST(AdminServerAddress, UnixSocketsWorkAndReplaceDeadOnes) {
  AdminFixture fixture;
  const std::string path = ::testing::TempDir() + "remora_admin_" + std::to_string(getpid());
  const Address address = Address::unix_path(path).value();
  for (int round = 0; round < 2; ++round) {  // the first one leaves its socket file behind
    boost::asio::io_context io{1};
    AdminServer server(io, fixture.sources, address);
    const auto bound = server.start();
    ASSERT_TRUE(bound.ok()) << bound.error().message;
    std::thread thread([&io] { io.run(); });
    Client client(address);
    client.send_text("GET /ready HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(client.read_all().ends_with("LIVE\n"));
    boost::asio::post(io, [&server] { server.stop(); });
    thread.join();
  }
  unlink(path.c_str());
}

}  // namespace
}  // namespace remora

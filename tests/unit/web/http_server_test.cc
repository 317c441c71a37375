#include "web/http_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <thread>

namespace remora::web {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// A server on a thread of its own; handlers run there.
class ServerTest : public testing::Test {
 protected:
  ~ServerTest() override {
    if (!thread_.joinable()) return;
    asio::post(context_, [this] {
      server_->close();
      work_.reset();
    });
    thread_.join();
  }

  void serve(Handler handler, Access access = {}) {
    server_ = std::make_unique<HttpServer>(context_, std::move(handler), std::move(access));
    const auto address = server_->listen("127.0.0.1:0");
    ASSERT_TRUE(address.ok()) << address.error().message;
    port_ = address->substr(address->rfind(':') + 1);
    thread_ = std::thread([this] { context_.run(); });
  }
  /// Runs on the server's thread, to its end.
  void there(std::function<void()> what) {
    std::promise<void> done;
    asio::post(context_, [&] {
      what();
      done.set_value();
    });
    done.get_future().wait();
  }

  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(context_);
  std::unique_ptr<HttpServer> server_;
  std::string port_;
  std::thread thread_;
};

/// A client that says and hears bytes.
class Peer {
 public:
  explicit Peer(const std::string& port) : socket_(context_) {
    asio::connect(socket_, tcp::resolver(context_).resolve("127.0.0.1", port));
    const timeval limit{10, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  }
  void say(const std::string& text) { asio::write(socket_, asio::buffer(text)); }
  /// What arrives up to and with `end`; everything until the server closes where it is empty.
  std::string hear(const std::string& end = {}) {
    for (;;) {
      const size_t at = end.empty() ? std::string::npos : heard_.find(end);
      if (at != std::string::npos) {
        std::string text = heard_.substr(0, at + end.size());
        heard_.erase(0, text.size());
        return text;
      }
      char buffer[4096];
      const ssize_t size = ::recv(socket_.native_handle(), buffer, sizeof(buffer), 0);
      if (size <= 0) return std::exchange(heard_, {}) + (size < 0 ? "<nothing more>" : "");
      heard_.append(buffer, static_cast<size_t>(size));
    }
  }
  std::string ask(const std::string& request, const std::string& end) {
    say(request);
    return hear(end);
  }
  void leave() { socket_.close(); }

 private:
  asio::io_context context_;
  tcp::socket socket_;
  std::string heard_;
};

void echo(const Request& request, const ResponderPtr& responder) {
  const auto method = boost::beast::http::to_string(request.method);
  responder->respond({.body = std::string(method) + ' ' + request.target + ' ' + request.body + "!"});
}

TEST_F(ServerTest, AnswersRequestsOfOneConnectionInTheirOrder) {
  serve(echo);
  Peer peer(port_);
  const std::string first = peer.ask("GET /a?b HTTP/1.1\r\nHost: localhost\r\n\r\n", "!");
  EXPECT_NE(first.find("200 OK"), std::string::npos) << first;
  EXPECT_NE(first.find("GET /a?b !"), std::string::npos) << first;
  peer.say(
      "POST /b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\none"
      "PUT /c HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n");
  EXPECT_NE(peer.hear("!").find("POST /b one!"), std::string::npos);
  EXPECT_NE(peer.hear("!").find("PUT /c two!"), std::string::npos);
}

TEST_F(ServerTest, HeadGetsNoBody) {
  serve(echo);
  Peer peer(port_);
  const std::string head = peer.ask("HEAD /a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "");
  EXPECT_NE(head.find("Content-Length: 9\r\n"), std::string::npos) << head;
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
}

TEST_F(ServerTest, RefusesWhatIsNoRequestOrTooLarge) {
  serve(echo);
  const std::string head = "POST /x HTTP/1.1\r\nHost: localhost\r\n";
  EXPECT_NE(Peer(port_).ask("nonsense\r\n\r\n", "").find(" 400 "), std::string::npos);
  EXPECT_NE(Peer(port_).ask(head + "Content-Length: 16777217\r\n\r\n", "").find(" 413 "), std::string::npos);
  EXPECT_NE(Peer(port_).ask("GET /" + std::string(70'000, 'a'), "").find(" 431 "), std::string::npos);
  const std::string two = "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  EXPECT_NE(Peer(port_).ask(head + two, "").find(" 400 "), std::string::npos);
  EXPECT_NE(Peer(port_).ask(head + "Transfer-Encoding: gzip, chunked\r\n\r\n", "").find(" 400 "),
            std::string::npos);
}

TEST_F(ServerTest, TellsTheGuardsAnswerBeforeTheBodyIsRead) {
  serve(echo);
  const std::string answer =
      Peer(port_).ask("POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1000000\r\n\r\n", "");
  EXPECT_NE(answer.find(" 403 "), std::string::npos) << answer;
}

TEST_F(ServerTest, AsksForTheBodyWhereAClientWaitsToBeAsked) {
  serve(echo);
  Peer peer(port_);
  EXPECT_NE(
      peer.ask("POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
               "\r\n\r\n")
          .find("100 Continue"),
      std::string::npos);
  EXPECT_NE(peer.ask("ok", "!").find("POST / ok!"), std::string::npos);
}

TEST_F(ServerTest, StreamsUntilItsEnd) {
  ResponderPtr stream;
  serve([&](const Request& request, const ResponderPtr& responder) {
    if (request.target != "/stream") return echo(request, responder);
    stream = responder;
    responder->begin({.body = "first,"});
  });
  Peer peer(port_);
  peer.ask("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n", "first,");
  there([&] { EXPECT_TRUE(stream->write("second,")); });
  EXPECT_EQ(peer.hear("second,"), "\r\n7\r\nsecond,");
  there([&] {
    stream->end();
    EXPECT_FALSE(stream->write("too late"));
  });
  EXPECT_EQ(peer.hear("0\r\n\r\n"), "\r\n0\r\n\r\n");
  EXPECT_NE(peer.ask("GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n", "!").find("GET /next"),
            std::string::npos);
}

TEST_F(ServerTest, AStreamLearnsThatItsPeerHasGone) {
  std::promise<void> gone;
  ResponderPtr stream;
  serve([&](const Request&, const ResponderPtr& responder) {
    stream = responder;
    responder->begin({.body = "x"});
    responder->on_gone([&] { gone.set_value(); });
  });
  Peer peer(port_);
  peer.ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "x");
  peer.leave();
  ASSERT_EQ(gone.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  there([&] { EXPECT_FALSE(stream->write("y")); });
}

TEST_F(ServerTest, AStreamThatNobodyReadsIsCutOff) {
  std::promise<void> gone;
  serve([&](const Request&, const ResponderPtr& responder) {
    responder->begin({});
    responder->on_gone([&] { gone.set_value(); });
    size_t written = 0;
    while (written < size_t{64} * 1024 * 1024 && responder->write(std::string(1024 * 1024, 'x')))
      written += 1024 * 1024;
    EXPECT_LE(written, size_t{17} * 1024 * 1024);
  });
  Peer peer(port_);
  peer.say("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(gone.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

TEST_F(ServerTest, ARequestThatTheHandlerDropsIsAnsweredAllTheSame) {
  serve([](const Request&, const ResponderPtr&) {});
  EXPECT_NE(Peer(port_).ask("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n", "").find(" 500 "),
            std::string::npos);
}

TEST_F(ServerTest, AnAnswerMayComeLaterAndOnlyOnce) {
  ResponderPtr kept;
  std::promise<void> asked;
  serve([&](const Request& request, const ResponderPtr& responder) {
    if (request.target == "/next") return echo(request, responder);
    kept = responder;
    asked.set_value();
  });
  Peer peer(port_);
  peer.say("GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /next HTTP/1.1\r\nHost: localhost\r\n\r\n");
  asked.get_future().wait();
  there([&] {
    kept->respond({.body = "once."});
    kept->respond({.body = "twice."});
  });
  EXPECT_NE(peer.hear("once.").find("200 OK"), std::string::npos);
  EXPECT_NE(peer.hear("!").find("GET /next"), std::string::npos);
}

TEST_F(ServerTest, WhoOnlyHoldsConnectionsKeepsNobodyOut) {
  serve(echo);
  std::vector<std::unique_ptr<Peer>> idle;
  while (idle.size() < 520) idle.push_back(std::make_unique<Peer>(port_));
  const std::string answer = Peer(port_).ask("GET /in HTTP/1.1\r\nHost: localhost\r\n\r\n", "!");
  EXPECT_NE(answer.find("GET /in"), std::string::npos) << answer;
  EXPECT_EQ(idle[0]->hear(), "") << "the one that has waited longest is closed";
}

TEST_F(ServerTest, RefusesToListenWhereEverybodyCouldCome) {
  asio::io_context context;
  HttpServer server(context, echo);
  const auto open = server.listen("0.0.0.0:0");
  ASSERT_FALSE(open.ok());
  EXPECT_NE(open.error().message.find("nothing is open by default"), std::string::npos)
      << open.error().message;
}

TEST_F(ServerTest, SaysWhichTlsFileIsMissing) {
  asio::io_context context;
  const auto fault = [&](Access access) {
    return HttpServer(context, echo, std::move(access)).listen("127.0.0.1:0");
  };
  EXPECT_NE(fault({.certificate_file = "/none.pem"}).error().message.find("private key"), std::string::npos);
  EXPECT_NE(fault({.certificate_file = "/none.pem", .private_key_file = "/none.key"})
                .error()
                .message.find("/none.pem"),
            std::string::npos);
  EXPECT_NE(fault({.client_ca_file = "/ca.pem"}).error().message.find("no certificate"), std::string::npos);
}

}  // namespace
}  // namespace remora::web

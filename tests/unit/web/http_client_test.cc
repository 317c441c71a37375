#include "web/http_client.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <fstream>
#include <optional>

#include "web/url.h"

namespace remora::web {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// A peer that takes one connection, reads one head and says what it is told to, on the test's own context.
class OneAnswer {
 public:
  OneAnswer(asio::io_context& context, std::string answer, bool close_after = true)
      : acceptor_(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        socket_(context),
        answer_(std::move(answer)),
        close_after_(close_after) {
    acceptor_.async_accept(socket_, [this](auto error) {
      if (error) return;
      asio::async_read_until(socket_, asio::dynamic_buffer(head), "\r\n\r\n",
                             [this](auto, size_t) { reply(); });
    });
  }

  std::string url(const std::string& path = "/") const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + path;
  }

  std::string head;

 private:
  void reply() {
    asio::async_write(socket_, asio::buffer(answer_), [this](auto, size_t) {
      boost::system::error_code ignored;
      if (close_after_) socket_.close(ignored);
    });
  }

  tcp::acceptor acceptor_;
  tcp::socket socket_;
  std::string answer_;
  bool close_after_;
};

Request get(std::string url) {
  Request request;
  request.target = std::move(url);
  return request;
}

struct Outcome {
  std::optional<Result<Response>> result;
  std::function<void(Result<Response>)> taker() {
    return [this](Result<Response> answer) { result.emplace(std::move(answer)); };
  }
};

TEST(HttpClient, FetchGivesStatusHeadersAndBody) {
  asio::io_context context;
  OneAnswer peer(context,
                 "HTTP/1.1 404 Not Found\r\ncontent-type: a/b\r\nx-own: 1\r\ncontent-length: 5\r\n\r\nnever");
  Outcome outcome;
  Request request = get(peer.url("/path?q=1"));
  request.method = Verb::post;
  request.body = "hello";
  request.headers.set("x-mine", "yes");
  const auto handle = fetch(context, std::move(request), {}, outcome.taker());
  context.run();
  ASSERT_TRUE(outcome.result && outcome.result->ok()) << (outcome.result ? "failed" : "no callback");
  EXPECT_EQ((*outcome.result)->status, 404U);
  EXPECT_EQ((*outcome.result)->content_type, "a/b");
  EXPECT_EQ((*outcome.result)->headers["x-own"], "1");
  EXPECT_EQ((*outcome.result)->body, "never");
  EXPECT_TRUE(peer.head.starts_with("POST /path?q=1 HTTP/1.1\r\n")) << peer.head;
  EXPECT_NE(peer.head.find("x-mine: yes\r\n"), std::string::npos) << peer.head;
  EXPECT_NE(peer.head.find("Content-Length: 5\r\n"), std::string::npos) << peer.head;
}

TEST(HttpClient, AHandleSaysThatAnExchangeIsUnderWay) {
  asio::io_context context;
  EXPECT_NE(fetch(context, get("http://127.0.0.1:1/"), {}, [](const Result<Response>&) {}), nullptr);
}

TEST(HttpClient, AProxyIsAskedForTheWholeUrl) {
  asio::io_context context;
  OneAnswer proxy(context, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  Outcome outcome;
  ClientOptions options;
  options.proxy = proxy.url("");
  const auto handle = fetch(context, get("http://nowhere.invalid:81/path?q=1"), options, outcome.taker());
  context.run();
  ASSERT_TRUE(outcome.result && outcome.result->ok()) << (outcome.result ? "failed" : "no callback");
  EXPECT_EQ((*outcome.result)->body, "ok");
  EXPECT_TRUE(proxy.head.starts_with("GET http://nowhere.invalid:81/path?q=1 HTTP/1.1\r\n")) << proxy.head;
  EXPECT_NE(proxy.head.find("Host: nowhere.invalid:81\r\n"), std::string::npos) << proxy.head;
}

TEST(HttpClient, AProxyIsAskedForATunnelToAServerWithTls) {
  asio::io_context context;
  OneAnswer proxy(context, "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
  Outcome outcome;
  ClientOptions options;
  options.proxy = proxy.url("");
  const auto handle = fetch(context, get("https://nowhere.invalid/path"), options, outcome.taker());
  context.run();
  EXPECT_TRUE(proxy.head.starts_with("CONNECT nowhere.invalid:443 HTTP/1.1\r\n")) << proxy.head;
  ASSERT_TRUE(outcome.result && !outcome.result->ok());
  EXPECT_NE(outcome.result->error().message.find("the proxy answered with 407"), std::string::npos);
}

TEST(HttpClient, ChunkedAndUntilCloseBodies) {
  for (const char* answer :
       {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nabcde"}) {
    asio::io_context context;
    OneAnswer peer(context, answer);
    Outcome outcome;
    const auto handle = fetch(context, get(peer.url()), {}, outcome.taker());
    context.run();
    ASSERT_TRUE(outcome.result && outcome.result->ok()) << answer;
    EXPECT_EQ((*outcome.result)->body, "abcde");
  }
}

TEST(HttpClient, ABrokenAnswerIsAnError) {
  asio::io_context context;
  OneAnswer peer(context, "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort");
  Outcome outcome;
  const auto handle = fetch(context, get(peer.url()), {}, outcome.taker());
  context.run();
  ASSERT_TRUE(outcome.result);
  ASSERT_FALSE(outcome.result->ok());
  EXPECT_NE(outcome.result->error().message.find("broke off"), std::string::npos);
}

TEST(HttpClient, TheBodyIsBounded) {
  asio::io_context context;
  OneAnswer peer(context, "HTTP/1.1 200 OK\r\n\r\n" + std::string(100'000, 'x'));
  Outcome outcome;
  ClientOptions options;
  options.body_limit = 60'000;
  const auto handle = fetch(context, get(peer.url()), options, outcome.taker());
  context.run();
  ASSERT_TRUE(outcome.result);
  ASSERT_FALSE(outcome.result->ok());
  EXPECT_NE(outcome.result->error().message.find("larger than 60000"), std::string::npos);
}

TEST(HttpClient, ASilentPeerEndsAtTheDeadline) {
  asio::io_context context;
  OneAnswer peer(context, "", false);
  Outcome outcome;
  ClientOptions options;
  options.timeout = std::chrono::milliseconds(30);
  const auto handle = fetch(context, get(peer.url("/slow")), options, outcome.taker());
  context.run();
  ASSERT_TRUE(outcome.result);
  ASSERT_FALSE(outcome.result->ok());
  EXPECT_NE(outcome.result->error().message.find("/slow: no answer within 30 ms"), std::string::npos);
}

TEST(HttpClient, NobodyListens) {
  asio::io_context context;
  tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  const std::string url = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/";
  acceptor.close();
  Outcome outcome;
  const auto handle = fetch(context, get(url), {}, outcome.taker());
  context.run();
  ASSERT_TRUE(outcome.result);
  ASSERT_FALSE(outcome.result->ok());
  EXPECT_NE(outcome.result->error().message.find("cannot connect"), std::string::npos);
}

TEST(HttpClient, ADroppedHandleCallsNobody) {
  asio::io_context context;
  OneAnswer peer(context, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  Outcome outcome;
  auto handle = fetch(context, get(peer.url()), {}, outcome.taker());
  auto bad = fetch(context, get("ftp://x/"), {}, outcome.taker());
  handle.reset();
  bad.reset();
  context.run_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(outcome.result);
}

TEST(HttpClient, StreamGivesChunksAsTheyCome) {
  asio::io_context context;
  OneAnswer peer(context, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", false);
  std::string got;
  std::shared_ptr<void> handle;
  bool ended = false;
  ClientOptions options;
  options.timeout = std::chrono::milliseconds(0);
  handle = stream(
      context, get(peer.url()), options,
      [&](unsigned status, std::string_view chunk) {
        EXPECT_EQ(status, 200U);
        got += chunk;
        context.stop();  // the peer says no more, and the stream stays open
      },
      [&](Result<unsigned>) { ended = true; });
  context.run();
  EXPECT_EQ(got, "abc");
  EXPECT_FALSE(ended);
}

/// A self-signed certificate for `name` as one PEM file with its key.
std::string make_certificate(const std::string& name) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_version(certificate, 2);
  X509_set_pubkey(certificate, key);
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate, subject);
  const std::string names = "DNS:" + name;
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(certificate, key, EVP_sha256());
  const std::string path = testing::TempDir() + "remora_http_client_" + std::to_string(getpid()) + ".pem";
  FILE* file = fopen(path.c_str(), "w");
  PEM_write_X509(file, certificate);
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  fclose(file);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return path;
}

/// What a client gets from a TLS server whose certificate says "localhost".
Result<Response> ask_tls(const std::string& host, bool trusted, bool verify = true) {
  const std::string pem = make_certificate("localhost");
  asio::io_context context;
  asio::ssl::context tls(asio::ssl::context::tls_server);
  tls.use_certificate_chain_file(pem);
  tls.use_private_key_file(pem, asio::ssl::context::pem);
  tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  asio::ssl::stream<tcp::socket> peer(context, tls);
  const std::string answer = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret";
  std::string head;
  acceptor.async_accept(peer.next_layer(), [&](auto) {
    peer.async_handshake(asio::ssl::stream_base::server, [&](auto failed) {
      if (failed) return;
      asio::async_read_until(peer, asio::dynamic_buffer(head), "\r\n\r\n", [&](auto error, size_t) {
        if (!error) asio::async_write(peer, asio::buffer(answer), [](auto, size_t) {});
      });
    });
  });
  Outcome outcome;
  ClientOptions options;
  if (trusted) options.ca_file = pem;
  options.verify = verify;
  const std::string port = std::to_string(acceptor.local_endpoint().port());
  const auto handle = fetch(context, get("https://" + host + ":" + port + "/"), options, outcome.taker());
  context.run_for(std::chrono::seconds(10));
  unlink(pem.c_str());
  if (!outcome.result) return Error{"no callback"};
  return std::move(*outcome.result);
}

TEST(HttpClient, TlsVerifiesChainAndName) {
  const Result<Response> good = ask_tls("localhost", true);
  ASSERT_TRUE(good.ok()) << good.error().message;
  EXPECT_EQ(good->body, "secret");
  const Result<Response> untrusted = ask_tls("localhost", false);
  ASSERT_FALSE(untrusted.ok());
  EXPECT_NE(untrusted.error().message.find("TLS handshake failed"), std::string::npos)
      << untrusted.error().message;
  const Result<Response> other_name = ask_tls("127.0.0.1", true);
  ASSERT_FALSE(other_name.ok());
  EXPECT_TRUE(ask_tls("127.0.0.1", false, false).ok());
}

TEST(Url, Parts) {
  const Result<Url> url = parse_url("https://[::1]:8443/a?b=c#d");
  ASSERT_TRUE(url.ok());
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, "8443");
  EXPECT_EQ(url->authority, "[::1]:8443");
  EXPECT_EQ(url->target, "/a?b=c");
  EXPECT_EQ(parse_url("http://host")->target, "/");
  EXPECT_EQ(parse_url("http://host?x")->target, "/?x");
  EXPECT_EQ(parse_url("http://host")->port, "80");
  for (const char* bad :
       {"host/", "ftp://a/", "http://", "http:///x", "http://a:0/", "http://a:99999/", "http://a b/",
        "http://u:p@a/", "http://a/\r\nx: y", "http://[::1/", "http://[::1]x/"}) {
    EXPECT_FALSE(parse_url(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace remora::web

#include "http/h1_head.h"

#include <gtest/gtest.h>

#include <string>

#include "http/syntax.h"

namespace remora {
namespace {

/// Feeds a whole head, as the codec does.
HeadError parse(const std::string& head, HeaderMap& headers, RequestHead& parsed, RequestRules rules = {}) {
  HeadScanner scanner;
  const auto state = scanner.scan(head);
  if (state == HeadScanner::State::kBad) return {400, "http1.bad_line_end"};
  if (state == HeadScanner::State::kMore) return {1, "incomplete"};
  return parse_request_head(head.substr(0, scanner.size()), rules, headers, parsed);
}

struct Refused {
  const char* name;
  std::string head;
  uint16_t status;
};

class RefusedRequests : public testing::TestWithParam<Refused> {};

TEST_P(RefusedRequests, AreRefused) {
  HeaderMap headers;
  RequestHead parsed;
  EXPECT_EQ(parse(GetParam().head, headers, parsed).status, GetParam().status) << GetParam().head;
}

const std::string kStart = "GET / HTTP/1.1\r\nHost: a\r\n";
INSTANTIATE_TEST_SUITE_P(
    Strict, RefusedRequests,
    testing::Values(
        Refused{"bare_lf", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
        Refused{"bare_cr", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400},
        Refused{"nul_in_value", kStart + std::string("x: a\0b\r\n\r\n", 10), 400},
        Refused{"control_in_value", kStart + "x: a\x01\r\n\r\n", 400},
        Refused{"space_before_colon", kStart + "x : a\r\n\r\n", 400},
        Refused{"obs_fold", kStart + "x: a\r\n b\r\n\r\n", 400},
        Refused{"empty_name", kStart + ": a\r\n\r\n", 400}, Refused{"no_colon", kStart + "x\r\n\r\n", 400},
        Refused{"bad_name", kStart + "x(y): a\r\n\r\n", 400},
        Refused{"no_host", "GET / HTTP/1.1\r\n\r\n", 400},
        Refused{"two_hosts", kStart + "Host: a\r\n\r\n", 400},
        Refused{"host_with_comma", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400},
        Refused{"host_with_user", "GET / HTTP/1.1\r\nHost: u@b\r\n\r\n", 400},
        Refused{"length_sign", kStart + "Content-Length: +1\r\n\r\n", 400},
        Refused{"length_hex", kStart + "Content-Length: 0x1\r\n\r\n", 400},
        Refused{"length_empty", kStart + "Content-Length: \r\n\r\n", 400},
        Refused{"length_over", kStart + "Content-Length: 9223372036854775808\r\n\r\n", 400},
        Refused{"length_list", kStart + "Content-Length: 1, 1\r\n\r\n", 400},
        Refused{"length_twice", kStart + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
        Refused{"length_and_chunked", kStart + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                400},
        Refused{"encoding_identity", kStart + "Transfer-Encoding: identity\r\n\r\n", 501},
        Refused{"encoding_list", kStart + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
        Refused{"encoding_empty", kStart + "Transfer-Encoding: \r\n\r\n", 501},
        Refused{"encoding_twice", kStart + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                400},
        Refused{"version_2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400},
        Refused{"version_09", "GET /\r\n\r\n", 400},
        Refused{"http_10_off", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", 426},
        Refused{"fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Refused{"two_spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Refused{"no_slash", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Refused{"non_ascii_target", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Refused{"scheme_ftp", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Refused{"star_with_get", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Refused{"nominates_host", kStart + "Connection: host\r\n\r\n", 400},
        Refused{"nominates_xff",
                kStart + "X-Forwarded-For: 1.1.1.1\r\nConnection: close, x-forwarded-for\r\n\r\n", 400},
        Refused{"upgrade_with_body",
                kStart + "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\n", 400}),
    [](const auto& instance) { return instance.param.name; });

TEST(RequestHead, LowersNamesAndKeepsOrderAndValues) {
  HeaderMap headers;
  RequestHead parsed;
  ASSERT_FALSE(
      parse("POST /p?q=1 HTTP/1.1\r\nHost: A.b:80\r\nX-One:  1 \r\nX-One: 2\r\nContent-Length: 5\r\n\r\n",
            headers, parsed)
          .failed());
  EXPECT_EQ(headers.method(), "POST");
  EXPECT_EQ(headers.path(), "/p?q=1");
  EXPECT_EQ(headers.authority(), "A.b:80");
  EXPECT_FALSE(headers.has(HeaderId::kHost));
  EXPECT_EQ(headers.value_of(HeaderId::kScheme), "http");
  ASSERT_EQ(headers.fields().size(), 7u);  // four pseudo headers in front
  EXPECT_EQ(headers.fields()[4].name, "x-one");
  EXPECT_EQ(headers.fields()[4].value, "1");
  EXPECT_EQ(headers.fields()[5].value, "2");
  EXPECT_EQ(parsed.framing.kind, Framing::Kind::kLength);
  EXPECT_EQ(parsed.framing.length, 5u);
  EXPECT_TRUE(parsed.keep_alive);
}

TEST(RequestHead, AbsoluteUriWinsOverHost) {
  HeaderMap headers;
  RequestHead parsed;
  ASSERT_FALSE(parse("GET http://real:81/x HTTP/1.1\r\nHost: other\r\n\r\n", headers, parsed).failed());
  EXPECT_EQ(headers.authority(), "real:81");
  EXPECT_EQ(headers.path(), "/x");
}

TEST(RequestHead, HopByHopFieldsGoAndTeTrailersStays) {
  HeaderMap headers;
  RequestHead parsed;
  ASSERT_FALSE(parse(kStart + "Connection: keep-alive, X-Gone\r\nX-Gone: 1\r\nKeep-Alive: 5\r\nTE: "
                              "trailers\r\nProxy-Connection: x\r\n"
                              "Transfer-Encoding: Chunked\r\n\r\n",
                     headers, parsed)
                   .failed());
  EXPECT_FALSE(headers.has(HeaderId::kConnection));
  EXPECT_FALSE(headers.get("x-gone"));
  EXPECT_FALSE(headers.has(HeaderId::kKeepAlive));
  EXPECT_FALSE(headers.has(HeaderId::kTransferEncoding));
  EXPECT_EQ(headers.value_of(HeaderId::kTe), "trailers");
  EXPECT_EQ(parsed.framing.kind, Framing::Kind::kChunked);
}

TEST(RequestHead, H2cIsNotAnUpgrade) {
  HeaderMap headers;
  RequestHead parsed;
  ASSERT_FALSE(parse(kStart + "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", headers, parsed).failed());
  EXPECT_FALSE(parsed.upgrade);
  EXPECT_FALSE(headers.has(HeaderId::kUpgrade));
}

TEST(RequestHead, Http10ClosesUnlessAskedToStay) {
  RequestRules rules;
  rules.accept_http_10 = true;
  HeaderMap headers;
  RequestHead parsed;
  ASSERT_FALSE(parse("GET / HTTP/1.0\r\nHost: a\r\n\r\n", headers, parsed, rules).failed());
  EXPECT_FALSE(parsed.keep_alive);
  ASSERT_FALSE(
      parse("GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n", headers, parsed, rules).failed());
  EXPECT_TRUE(parsed.keep_alive);
}

TEST(RequestHead, TooManyFields) {
  RequestRules rules;
  rules.limits.max_fields = 2;
  HeaderMap headers;
  RequestHead parsed;
  EXPECT_EQ(parse(kStart + "a: 1\r\nb: 2\r\n\r\n", headers, parsed, rules).status, 431);
}

TEST(HeadScanner, FindsTheEndWhateverTheCuts) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (size_t cut = 0; cut < head.size(); ++cut) {
    HeadScanner scanner;
    EXPECT_EQ(scanner.scan(head.substr(0, cut)), HeadScanner::State::kMore) << cut;
    EXPECT_EQ(scanner.scan(head + "rest"), HeadScanner::State::kComplete) << cut;
    EXPECT_EQ(scanner.size(), head.size()) << cut;
  }
}

struct ResponseCase {
  const char* name;
  const char* head;
  bool to_head;
  Framing::Kind kind;
  bool failed;
};
class ResponseHeads : public testing::TestWithParam<ResponseCase> {};

TEST_P(ResponseHeads, AreFramed) {
  HeaderMap headers;
  ResponseHead parsed;
  const auto error =
      parse_response_head(GetParam().head, {}, GetParam().to_head, false, false, headers, parsed);
  ASSERT_EQ(error.failed(), GetParam().failed) << error.detail;
  if (!error.failed()) {
    EXPECT_EQ(parsed.framing.kind, GetParam().kind);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Framing, ResponseHeads,
    testing::Values(
        ResponseCase{"length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false, Framing::Kind::kLength,
                     false},
        ResponseCase{"zero", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, Framing::Kind::kNone,
                     false},
        ResponseCase{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false,
                     Framing::Kind::kChunked, false},
        ResponseCase{"until_close", "HTTP/1.1 200 \r\n\r\n", false, Framing::Kind::kUntilClose, false},
        ResponseCase{"to_head", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true, Framing::Kind::kNone,
                     false},
        ResponseCase{"not_modified", "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", false,
                     Framing::Kind::kNone, false},
        ResponseCase{"no_content_with_body", "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", false,
                     Framing::Kind::kNone, true},
        ResponseCase{"both", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                     false, Framing::Kind::kNone, true},
        ResponseCase{"chunked_in_10", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false,
                     Framing::Kind::kNone, true},
        ResponseCase{"two_digits", "HTTP/1.1 20 OK\r\n\r\n", false, Framing::Kind::kNone, true},
        ResponseCase{"four_digits", "HTTP/1.1 2000 OK\r\n\r\n", false, Framing::Kind::kNone, true},
        ResponseCase{"other_protocol", "ICY 200 OK\r\n\r\n", false, Framing::Kind::kNone, true}),
    [](const auto& instance) { return instance.param.name; });

TEST(Trailers, MayNotCarryFraming) {
  HeaderMap trailers;
  EXPECT_FALSE(parse_trailers("x-sum: 1\r\n\r\n", {}, trailers).failed());
  EXPECT_EQ(trailers.get("x-sum"), "1");
  EXPECT_TRUE(parse_trailers("Content-Length: 1\r\n\r\n", {}, trailers).failed());
  EXPECT_TRUE(parse_trailers("Transfer-Encoding: chunked\r\n\r\n", {}, trailers).failed());
}

TEST(Authority, HostAndPort) {
  for (const auto* good : {"a", "a.b:80", "127.0.0.1", "[::1]:80", "[fe80::1]", "a-b_c"})
    EXPECT_TRUE(is_valid_authority(good)) << good;
  for (const auto* bad :
       {"", ":80", "a b", "a/b", "[::1", "[]:1", "a:80x", "a:123456", "a,b", "u@h", "a?b"}) {
    EXPECT_FALSE(is_valid_authority(bad)) << bad;
  }
}

}  // namespace
}  // namespace remora

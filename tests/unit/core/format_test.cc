#include "remora/core/format.h"

#include <cstdlib>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "core/format_fixture.h"
#include "remora/http/filter_state.h"
#include "unit/support/allocation_counter.h"

namespace remora {
namespace {

using test::FormatTest;

struct Rendering {
  const char* format;
  const char* text;
  const char* json;
};

TEST_F(FormatTest, ReadsTheExchange) {
  const Rendering cases[] = {
      {"%BYTES_RECEIVED%", "17", "17"},
      {"%BYTES_SENT%", "4096", "4096"},
      {"%PROTOCOL%", "HTTP/1.1", "\"HTTP/1.1\""},
      {"%RESPONSE_CODE%", "200", "200"},
      {"%RESPONSE_CODE_DETAILS%", "via_upstream", "\"via_upstream\""},
      {"%CONNECTION_TERMINATION_DETAILS%", "-", "null"},
      {"%UPSTREAM_TRANSPORT_FAILURE_REASON%", "-", "null"},
      {"%RESPONSE_FLAGS%", "-", "\"-\""},
      {"%RESPONSE_FLAGS_LONG%", "-", "\"-\""},
      {"%ROUTE_NAME%", "default", "\"default\""},
      {"%VIRTUAL_CLUSTER_NAME%", "-", "null"},
      {"%UPSTREAM_HOST%", "10.1.2.3:8080", "\"10.1.2.3:8080\""},
      {"%UPSTREAM_HOST_NAME%", "pod-1", "\"pod-1\""},
      {"%UPSTREAM_CLUSTER%", "shop", "\"shop\""},
      {"%UPSTREAM_CLUSTER_RAW%", "outbound|80||shop.test", "\"outbound|80||shop.test\""},
      {"%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "2", "2"},
      {"%CONNECTION_ID%", "12", "12"},
      {"%STREAM_ID%", "6d5e7a1c-0000-4000-8000-000000000001", "\"6d5e7a1c-0000-4000-8000-000000000001\""},
      {"%FILTER_CHAIN_NAME%", "inbound", "\"inbound\""},
      {"%ACCESS_LOG_TYPE%", "DownstreamEnd", "\"DownstreamEnd\""},
      {"%RESPONSE_TRAILERS_BYTES%", "12", "12"},
      {"%REQUESTED_SERVER_NAME%", "-", "null"},
      {"%DOWNSTREAM_TLS_VERSION%", "-", "null"},
      {"%DOWNSTREAM_PEER_URI_SAN%", "-", "null"},
      {"%FILTER_STATE(wasm.x:PLAIN):10%", "-", "null"},
      {"%TRACE_ID%", "-", "null"},
  };
  for (const auto& [format, expected, as_json] : cases) {
    EXPECT_EQ(text(format), expected) << format;
    EXPECT_EQ(json(format), as_json) << format;
  }
}

TEST_F(FormatTest, Durations) {
  const Rendering cases[] = {
      {"%DURATION%", "31", "31"},
      {"%REQUEST_DURATION%", "2", "2"},
      {"%REQUEST_TX_DURATION%", "4", "4"},
      {"%RESPONSE_DURATION%", "20", "20"},
      {"%RESPONSE_TX_DURATION%", "11", "11"},
      {"%COMMON_DURATION(DS_RX_BEG:DS_TX_END:ms)%", "31", "31"},
      {"%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%", "31500", "31500"},
      {"%COMMON_DURATION(US_TX_BEG:US_RX_BEG:ns)%", "17000000", "17000000"},
      {"%COMMON_DURATION(US_RX_END:DS_TX_BEG:ms)%", "-4", "-4"},
  };
  for (const auto& [format, expected, as_json] : cases) {
    EXPECT_EQ(text(format), expected) << format;
    EXPECT_EQ(json(format), as_json) << format;
  }
  info_.upstream_first_received = {};
  EXPECT_EQ(text("%RESPONSE_DURATION% %RESPONSE_TX_DURATION%"), "- -");
  EXPECT_EQ(json("%COMMON_DURATION(US_RX_BEG:DS_TX_END:ms)%"), "null");
}

TEST_F(FormatTest, AnExchangeThatHasOnlyBegun) {
  info_ = {};
  EXPECT_EQ(text("%DURATION% %RESPONSE_CODE% %PROTOCOL% %ROUTE_NAME% %UPSTREAM_HOST% %UPSTREAM_CLUSTER%"),
            "- 0 - - - -");
  EXPECT_EQ(
      text("%REQ(:METHOD)% %RESP(:STATUS)% %TRAILER(X)% %PATH% %QUERY_PARAMS% %STREAM_ID% %GRPC_STATUS%"),
      "- - - - - - -");
  EXPECT_EQ(
      text("%DOWNSTREAM_REMOTE_ADDRESS% %UPSTREAM_LOCAL_PORT% %DYNAMIC_METADATA(a)% %METADATA(ROUTE:a)%"),
      "- - - -");
  EXPECT_EQ(text("%ACCESS_LOG_TYPE%"), "NotSet");
  info_.start = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  EXPECT_GE(std::stoi(text("%DURATION%")), 1000);
}

TEST_F(FormatTest, Headers) {
  const Rendering cases[] = {
      {"%REQ(:METHOD)%", "GET", "\"GET\""},
      {"%REQ(User-Agent)%", "curl/8", "\"curl/8\""},
      {"%REQUEST_HEADER(USER-AGENT):4%", "curl", "\"curl\""},
      {"%REQ(user-agent):100%", "curl/8", "\"curl/8\""},
      {"%REQ(HOST)%", "shop.test", "\"shop.test\""},
      {"%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%", "/items?id=7&id=8", "\"/items?id=7&id=8\""},
      {"%REQ(:PATH?:METHOD)%", "/items?id=7&id=8", "\"/items?id=7&id=8\""},
      {"%REQ(X-NONE?X-NEITHER)%", "-", "null"},
      {"%REQ(X-EMPTY?:PATH)%", "", "\"\""},
      {"%REQ(X-QUOTE)%", "say \"hi\"", "\"say \\\"hi\\\"\""},
      {"%RESP(CONTENT-TYPE)%", "text/plain", "\"text/plain\""},
      {"%RESPONSE_HEADER(:STATUS)%", "200", "\"200\""},
      {"%TRAILER(GRPC-STATUS)%", "5", "\"5\""},
      {"%RESPONSE_TRAILER(X):1%", "-", "null"},
      {"%PATH%", "/items?id=7&id=8", "\"/items?id=7&id=8\""},
      {"%PATH(NQ)%", "/items", "\"/items\""},
      {"%PATH(WQ:ORIG)%", "-", "null"},
      {"%PATH(NQ:PATH):3%", "/it", "\"/it\""},
      {"%QUERY_PARAM(id)%", "7", "\"7\""},
      {"%QUERY_PARAM(none)%", "-", "null"},
      {"%QUERY_PARAMS%", "id=7&id=8", "\"id=7&id=8\""},
      {"%QUERY_PARAMS(ORIG):4%", "id=7", "\"id=7\""},
  };
  for (const auto& [format, expected, as_json] : cases) {
    EXPECT_EQ(text(format), expected) << format;
    EXPECT_EQ(json(format), as_json) << format;
  }
}

TEST_F(FormatTest, Addresses) {
  const Rendering cases[] = {
      {"%DOWNSTREAM_REMOTE_ADDRESS%", "203.0.113.9:0", "\"203.0.113.9:0\""},
      {"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "203.0.113.9", "\"203.0.113.9\""},
      {"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(16)%", "203.0.0.0/16", "\"203.0.0.0/16\""},
      {"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(0)%", "0.0.0.0/0", "\"0.0.0.0/0\""},
      {"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(30)%", "203.0.113.8/30", "\"203.0.113.8/30\""},
      {"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(33)%", "-", "null"},
      {"%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%", "10.9.8.7:40000", "\"10.9.8.7:40000\""},
      {"%DOWNSTREAM_DIRECT_REMOTE_PORT%", "40000", "40000"},
      {"%DOWNSTREAM_LOCAL_ADDRESS%", "[2001:db8::1]:443", "\"[2001:db8::1]:443\""},
      {"%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", "2001:db8::1", "\"2001:db8::1\""},
      {"%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(20)%", "2001::/20", "\"2001::/20\""},
      {"%DOWNSTREAM_LOCAL_PORT%", "443", "443"},
      {"%DOWNSTREAM_DIRECT_LOCAL_ADDRESS%", "[2001:db8::1]:443", "\"[2001:db8::1]:443\""},
      {"%UPSTREAM_LOCAL_ADDRESS%", "10.1.0.9:50123", "\"10.1.0.9:50123\""},
      {"%UPSTREAM_REMOTE_ADDRESS%", "10.1.2.3:8080", "\"10.1.2.3:8080\""},
      {"%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "10.1.2.3", "\"10.1.2.3\""},
      {"%UPSTREAM_REMOTE_PORT%", "8080", "8080"},
  };
  for (const auto& [format, expected, as_json] : cases) {
    EXPECT_EQ(text(format), expected) << format;
    EXPECT_EQ(json(format), as_json) << format;
  }
  for (const char* path : {"/run/remora.sock", "@abstract"}) {
    local_ = Address::unix_path(path).value();
    EXPECT_EQ(
        text("%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_PORT%"),
        std::string(path) + " " + path + " -");
  }
}

TEST_F(FormatTest, Metadata) {
  dynamic_.filters["f"].value = MetadataValue::Object{
      {"text", MetadataValue{std::string("abc")}},
      {"number", MetadataValue{1.5}},
      {"flag", MetadataValue{true}},
      {"none", MetadataValue{}},
      {"object", MetadataValue{MetadataValue::Object{{"inner", MetadataValue{std::string("x")}}}}}};
  info_.dynamic_metadata = &dynamic_;
  const Rendering cases[] = {
      {"%DYNAMIC_METADATA(f:text)%", "abc", "\"abc\""},
      {"%DYNAMIC_METADATA(f:text):2%", "ab", "\"abc\""},
      {"%DYNAMIC_METADATA(f:number)%", "1.5", "1.5"},
      {"%DYNAMIC_METADATA(f:flag)%", "true", "true"},
      {"%DYNAMIC_METADATA(f:none)%", "-", "null"},
      {"%DYNAMIC_METADATA(f:object)%", "{\"inner\":\"x\"}", "{\"inner\":\"x\"}"},
      {"%DYNAMIC_METADATA(f:object:inner)%", "x", "\"x\""},
      {"%DYNAMIC_METADATA(f:text:inner)%", "-", "null"},
      {"%DYNAMIC_METADATA(g)%", "-", "null"},
      {"%METADATA(DYNAMIC:f:number)%", "1.5", "1.5"},
      {"%CLUSTER_METADATA(istio:config)%", "dr/shop", "\"dr/shop\""},
      {"%METADATA(CLUSTER:istio)%", "{\"config\":\"dr/shop\"}", "{\"config\":\"dr/shop\"}"},
      {"%UPSTREAM_METADATA(envoy.lb:version)%", "v2", "\"v2\""},
      {"%METADATA(UPSTREAM_HOST:envoy.lb:version)%", "v2", "\"v2\""},
      {"%METADATA(ROUTE:x)%", "-", "null"},
  };
  for (const auto& [format, expected, as_json] : cases) {
    EXPECT_EQ(text(format), expected) << format;
    EXPECT_EQ(json(format), as_json) << format;
  }
}

TEST_F(FormatTest, FilterState) {
  EXPECT_EQ(text("%FILTER_STATE(key)%"), "-");
  EXPECT_EQ(json("%FILTER_STATE(key)%"), "null");
  FilterState state;
  state.set("key", "first");
  state.set("key", "a \"b\" <c> \n");
  info_.filter_state = &state;
  EXPECT_EQ(text("%FILTER_STATE(key:PLAIN)%"), "a \"b\" <c> \n");
  EXPECT_EQ(text("%FILTER_STATE(key:PLAIN):3%"), "a \"");
  EXPECT_EQ(text("%FILTER_STATE(key)%"), R"("a \"b\" \u003cc\u003e \n")");
  EXPECT_EQ(text("%FILTER_STATE(key:TYPED):4%"), R"("a \)");
  EXPECT_EQ(text("%FILTER_STATE(other:PLAIN)%|%FILTER_STATE(key:FIELD:x)%"), "-|-");
  EXPECT_FALSE(Format::parse("%FILTER_STATE(key:SOME)%").ok());
  EXPECT_FALSE(Format::parse("%FILTER_STATE(:PLAIN)%").ok());
}

TEST_F(FormatTest, GrpcStatus) {
  EXPECT_EQ(text("%GRPC_STATUS%"), "-");  // not a gRPC request
  request_.set(HeaderId::kContentType, "application/grpc");
  const Rendering cases[] = {
      {"%GRPC_STATUS%", "NotFound", "\"NotFound\""},
      {"%GRPC_STATUS(CAMEL_STRING)%", "NotFound", "\"NotFound\""},
      {"%GRPC_STATUS(SNAKE_STRING)%", "NOT_FOUND", "\"NOT_FOUND\""},
      {"%GRPC_STATUS(NUMBER)%", "5", "5"},
      {"%GRPC_STATUS_NUMBER%", "5", "5"},
  };
  for (const auto& [format, expected, as_json] : cases) {
    EXPECT_EQ(text(format), expected) << format;
    EXPECT_EQ(json(format), as_json) << format;
  }
  trailers_.set(HeaderId::kGrpcStatus, "99");
  EXPECT_EQ(text("%GRPC_STATUS%"), "99");
  trailers_.set(HeaderId::kGrpcStatus, "bad");
  EXPECT_EQ(text("%GRPC_STATUS%"), "-1");
  trailers_.clear();
  response_.add(HeaderId::kGrpcStatus, "0");
  EXPECT_EQ(text("%GRPC_STATUS%"), "OK");
  response_.remove(HeaderId::kGrpcStatus);
  info_.response_code = 503;
  EXPECT_EQ(text("%GRPC_STATUS%"), "Unavailable");
}

TEST_F(FormatTest, Times) {
  const std::pair<const char*, const char*> cases[] = {
      {"%START_TIME%", "2018-05-29T10:43:10.528Z"},
      {"%START_TIME(%s)%", "1527590590"},
      {"%START_TIME(%s.%3f)%", "1527590590.528"},
      {"%START_TIME(%s.%6f)%", "1527590590.528123"},
      {"%START_TIME(%s.%f)%", "1527590590.528123456"},
      {"%START_TIME(%Y/%m/%dT%H:%M:%S%z)%", "2018/05/29T10:43:10+0000"},
      {"%START_TIME(%E3S|%E6S)%", "10.528|10.528123"},
      {"%START_TIME(%a %e %b %j %Z %%)%", "Tue 29 May 149 UTC %"},
      {"%START_TIME(%Y-%m-%dT%H:%M:%E3SZ)%", "2018-05-29T10:43:10.528Z"},
  };
  for (const auto& [format, expected] : cases) EXPECT_EQ(text(format), expected) << format;
  info_.start_wall = WallTime(std::chrono::seconds(0));
  EXPECT_EQ(text("%START_TIME%"), "1970-01-01T00:00:00.000Z");
  info_.start_wall = WallTime(std::chrono::seconds(1709164800));  // a leap day
  EXPECT_EQ(text("%START_TIME(%F %j)%"), "2024-02-29 060");
  EXPECT_TRUE(std::regex_match(text("%EMIT_TIME%"),
                               std::regex("20\\d\\d-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z")));
  EXPECT_TRUE(std::regex_match(text("%START_TIME_LOCAL%"), std::regex("2024-02-.*T.*\\.000[+-]\\d{4}")));
}

TEST_F(FormatTest, DetailsAndFlags) {
  info_.details = "upstream reset\tbefore";
  EXPECT_EQ(text("%RESPONSE_CODE_DETAILS%"), "upstream_reset_before");
  EXPECT_EQ(text("%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%"), "upstream reset\tbefore");
  info_.flags.set(ResponseFlag::kNoHealthyUpstream);
  info_.flags.set(ResponseFlag::kUpstreamRetryLimitExceeded);
  EXPECT_EQ(text("%RESPONSE_FLAGS%"), "UH,URX");
  EXPECT_EQ(text("%RESPONSE_FLAGS_LONG%"), "NoHealthyUpstream,UpstreamRetryLimitExceeded");
}

TEST_F(FormatTest, TheProcess) {
  set_format_environment({"node-7"});
  EXPECT_EQ(text("%HOSTNAME%"), "node-7");
  ::setenv("REMORA_FORMAT_TEST", "abcdef", 1);
  EXPECT_EQ(text("%ENVIRONMENT(REMORA_FORMAT_TEST)%"), "abcdef");
  EXPECT_EQ(text("%ENVIRONMENT(REMORA_FORMAT_TEST):3%"), "abc");
  EXPECT_EQ(json("%ENVIRONMENT(REMORA_FORMAT_TEST_NONE)%"), "\"-\"");
  const std::regex uuid("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  const std::string first = text("%UNIQUE_ID%");
  EXPECT_TRUE(std::regex_match(first, uuid)) << first;
  EXPECT_NE(first, text("%UNIQUE_ID%"));
}

TEST_F(FormatTest, TextAroundOperators) {
  EXPECT_EQ(text("a %RESPONSE_CODE%%% of %REQ(:METHOD)%b\n"), "a 200% of GETb\n");
  EXPECT_EQ(text("100%% plain"), "100% plain");
  EXPECT_EQ(text(""), "");
  std::string unset;
  parsed("<%REQ(X-NONE)%>").append(info_, "", unset);
  EXPECT_EQ(unset, "<>");
  EXPECT_EQ(
      text(std::string(default_access_log_format())),
      "[2018-05-29T10:43:10.528Z] \"GET /items?id=7&id=8 HTTP/1.1\" 200 - 17 4096 31 - \"-\" \"curl/8\" "
      "\"6d5e7a1c-0000-4000-8000-000000000001\" \"shop.test\" \"10.1.2.3:8080\"\n");
}

TEST_F(FormatTest, KnowsWhatItConsistsOf) {
  EXPECT_TRUE(parsed("").is_literal());
  EXPECT_TRUE(parsed("100%%").is_literal());
  EXPECT_EQ(parsed("100%%").literal_text(), "100%");
  EXPECT_FALSE(parsed("%PROTOCOL%").is_literal());
  EXPECT_EQ(parsed("%PROTOCOL%").literal_text(), "");
  EXPECT_TRUE(parsed("%PROTOCOL%").single_operator());
  EXPECT_FALSE(parsed("%PROTOCOL% ").single_operator());
  EXPECT_FALSE(parsed("x").single_operator());
  EXPECT_FALSE(parsed("").single_operator());
  const Format fixed = Format::literal("50% off");
  EXPECT_TRUE(fixed.is_literal());
  EXPECT_EQ(fixed.literal_text(), "50% off");
}

TEST_F(FormatTest, ErrorsNameTheOperatorAndItsPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"ab %NOPE% c", "%NOPE% at position 3: there is no such operator"},
      {"%COALESCE({})%", "%COALESCE% at position 0: this build does not support it"},
      {"%PROTOCOL", "at position 0: %PROTOCOL: the closing '%' is missing"},
      {"50% off", "at position 2: no operator follows '%'"},
      {"%", "at position 0: no operator follows '%'"},
      {"%REQ(a", "at position 0: %REQ(: the ')' is missing"},
      {"%REQ(a):x%", "at position 0: %REQ%: ':' wants a length behind it"},
      {"%REQ%", "%REQ% at position 0: it needs an argument"},
      {"%REQ()%", "%REQ% at position 0: it needs an argument"},
      {"%PROTOCOL(x)%", "%PROTOCOL% at position 0: it takes no argument"},
      {"%PROTOCOL:3%", "%PROTOCOL% at position 0: it takes no length"},
      {"%START_TIME(%n)%", "%START_TIME% at position 0: a time must not contain a line break (%n)"},
      {"%REQ(a b)%", "%REQ% at position 0: 'a b' is not a header name"},
      {"%REQ(a?b?c)%", "%REQ% at position 0: 'b?c' is not a header name"},
      {"%GRPC_STATUS(UPPER)%",
       "%GRPC_STATUS% at position 0: its argument must be CAMEL_STRING, SNAKE_STRING or NUMBER"},
      {"%METADATA(LISTENER:x)%", "%METADATA% at position 0: this build has no metadata of type 'LISTENER'"},
      {"%COMMON_DURATION(DS_RX_BEG:US_HS_END:ms)%",
       "%COMMON_DURATION% at position 0: this build has no time point 'US_HS_END'"},
      {"%COMMON_DURATION(DS_RX_BEG:DS_TX_END)%",
       "%COMMON_DURATION% at position 0: its third argument must be ms, us or ns"},
      {"%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(129)%",
       "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% at position 0: its argument is a prefix length from 0 to "
       "128"},
      {"%PATH(XX)%", "%PATH% at position 0: its first argument must be WQ or NQ"},
  };
  for (const auto& [format, message] : cases) {
    const auto parsed = Format::parse(format);
    ASSERT_FALSE(parsed.ok()) << format;
    EXPECT_TRUE(parsed.error().message.starts_with(message)) << parsed.error().message;
  }
}

TEST_F(FormatTest, RenderingAllocatesNothingBesidesTheText) {
  const Format line =
      parsed(std::string(default_access_log_format()) +
             "%UNIQUE_ID% %DOWNSTREAM_LOCAL_ADDRESS% %START_TIME(%s.%3f)% %RESPONSE_FLAGS_LONG% "
             "%CLUSTER_METADATA(istio)% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(8)%");
  std::string out;
  out.reserve(4096);
  line.append(info_, "-", out);  // the first one makes what a thread keeps
  const size_t before = test::allocations();
  line.append(info_, "-", out);
  EXPECT_EQ(test::allocations() - before, 0u);
}

TEST(JsonEscape, WritesValidJson) {
  const std::pair<std::string, const char*> cases[] = {
      {"plain", "plain"},
      {"a\"b\\c", "a\\\"b\\\\c"},
      {"\b\f\n\r\t", "\\b\\f\\n\\r\\t"},
      {std::string("\0\x1f", 2), "\\u0000\\u001f"},
      {"\x7f", "\x7f"},
      {"é€😀", "é€😀"},
      {"a\xff"
       "b",
       "a\\u00ffb"},
      {"\xc3", "\\u00c3"},
      {"\xc3(", "\\u00c3("},
      {"\xe2\x82", "\\u00e2\\u0082"},
      {"\xc0\x80", "\\u00c0\\u0080"},
      {"\xed\xa0\x80", "\\u00ed\\u00a0\\u0080"},
      {"\xf4\x90\x80\x80", "\\u00f4\\u0090\\u0080\\u0080"},
      {"\xf0\x80\x80\x80", "\\u00f0\\u0080\\u0080\\u0080"},
      {"\xed\x9f\xbf\xf4\x8f\xbf\xbf", "\xed\x9f\xbf\xf4\x8f\xbf\xbf"},
  };
  for (const auto& [text, expected] : cases) {
    std::string out;
    append_json_escaped(text, out);
    EXPECT_EQ(out, expected);
  }
}

}  // namespace
}  // namespace remora

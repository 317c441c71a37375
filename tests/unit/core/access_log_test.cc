#include "remora/config/access_log.h"

#include <string>
#include <utility>
#include <vector>

#include "core/format_fixture.h"
#include "unit/support/allocation_counter.h"

namespace remora {
namespace {

using Filter = AccessLogFilter;

class AccessLogTest : public test::FormatTest {
 protected:
  static Filter filter(Filter::Kind kind, Filter::Op op = Filter::Op::kEqual, uint64_t value = 0) {
    Filter made;
    made.kind = kind;
    made.op = op;
    made.value = value;
    return made;
  }
  static Filter flags(std::vector<std::string> names) {
    Filter made = filter(Filter::Kind::kResponseFlag);
    made.flags = std::move(names);
    return made;
  }
  static JsonTemplate::Member leaf(const std::string& key, const std::string& format) {
    return {key, parsed(format), {}};
  }
  [[nodiscard]] std::string line(const AccessLogConfig& config) const {
    std::string out;
    config.append_line(info_, out);
    return out;
  }
};

TEST_F(AccessLogTest, ComparesStatusAndDuration) {
  using Op = Filter::Op;
  const std::tuple<Op, uint64_t, bool> cases[] = {
      {Op::kEqual, 200, true},           {Op::kEqual, 201, false},      {Op::kGreaterOrEqual, 200, true},
      {Op::kGreaterOrEqual, 201, false}, {Op::kLessOrEqual, 200, true}, {Op::kLessOrEqual, 199, false},
      {Op::kNotEqual, 200, false},       {Op::kNotEqual, 500, true},
  };
  for (const auto& [op, value, expected] : cases) {
    EXPECT_EQ(filter(Filter::Kind::kStatusCode, op, value).matches(info_, 0), expected) << value;
  }
  EXPECT_TRUE(filter(Filter::Kind::kDuration, Op::kGreaterOrEqual, 31).matches(info_, 0));
  EXPECT_FALSE(filter(Filter::Kind::kDuration, Op::kGreaterOrEqual, 32).matches(info_, 0));
}

TEST_F(AccessLogTest, LooksForFlags) {
  EXPECT_FALSE(flags({}).matches(info_, 0));
  EXPECT_FALSE(flags({"UH"}).matches(info_, 0));
  info_.flags.set(ResponseFlag::kUpstreamRequestTimeout);
  info_.flags.set(ResponseFlag::kUpstreamRetryLimitExceeded);
  EXPECT_TRUE(flags({}).matches(info_, 0));
  EXPECT_TRUE(flags({"UH", "UT"}).matches(info_, 0));
  EXPECT_TRUE(flags({"URX"}).matches(info_, 0));
  EXPECT_FALSE(flags({"UR", "U", "RX"}).matches(info_, 0));
}

TEST_F(AccessLogTest, HealthChecksHeadersAndShares) {
  EXPECT_TRUE(filter(Filter::Kind::kNotHealthCheck).matches(info_, 0));
  info_.health_check = true;
  EXPECT_FALSE(filter(Filter::Kind::kNotHealthCheck).matches(info_, 0));

  Filter header = filter(Filter::Kind::kHeader);
  header.header.name = "x-empty";
  EXPECT_TRUE(header.matches(info_, 0));
  header.header.name = "x-none";
  EXPECT_FALSE(header.matches(info_, 0));
  info_.request = nullptr;
  EXPECT_FALSE(header.matches(info_, 0));

  Filter share = filter(Filter::Kind::kRuntime);
  share.fraction.value = {25, 100};
  EXPECT_TRUE(share.matches(info_, 24));
  EXPECT_FALSE(share.matches(info_, 25));
}

TEST_F(AccessLogTest, Combinations) {
  Filter both = filter(Filter::Kind::kAnd);
  both.children = {filter(Filter::Kind::kStatusCode, Filter::Op::kGreaterOrEqual, 500), flags({})};
  Filter either = both;
  either.kind = Filter::Kind::kOr;
  EXPECT_FALSE(both.matches(info_, 0));
  EXPECT_FALSE(either.matches(info_, 0));
  info_.response_code = 503;
  EXPECT_FALSE(both.matches(info_, 0));
  EXPECT_TRUE(either.matches(info_, 0));
  info_.flags.set(ResponseFlag::kNoHealthyUpstream);
  EXPECT_TRUE(both.matches(info_, 0));
}

TEST_F(AccessLogTest, TextLinesEndAsTheirFormatSays) {
  AccessLogConfig config;
  config.text = parsed("%RESPONSE_CODE% %REQ(X-NONE)%\n");
  EXPECT_EQ(line(config), "200 -\n");
  config.text = parsed("%RESPONSE_CODE%;");
  EXPECT_EQ(line(config), "200;");
}

TEST_F(AccessLogTest, JsonKeepsTypes) {
  AccessLogConfig config;
  config.json = true;
  config.json_format.members = {
      leaf("code", "%RESPONSE_CODE%"),
      leaf("k\"ey", "%REQ(X-QUOTE)%"),
      leaf("mixed", "a %REQ(X-NONE)% 100%%"),
      leaf("none", "%REQ(X-NONE)%"),
      leaf("plain", "text"),
      {"sub", {}, {leaf("none", "%TRACE_ID%"), leaf("port", "%UPSTREAM_REMOTE_PORT%")}}};
  EXPECT_EQ(
      line(config),
      "{\"code\":200,\"k\\\"ey\":\"say \\\"hi\\\"\",\"mixed\":\"a - 100%\",\"none\":null,\"plain\":\"text\","
      "\"sub\":{\"none\":null,\"port\":8080}}\n");
  config.json_format.omit_empty = true;
  EXPECT_EQ(line(config),
            "{\"code\":200,\"k\\\"ey\":\"say \\\"hi\\\"\",\"mixed\":\"a  "
            "100%\",\"plain\":\"text\",\"sub\":{\"port\":8080}}\n");
  config.json_format.members = {leaf("a", "%TRACE_ID%"), leaf("b", "%TRACE_ID%"), leaf("c", "%PROTOCOL%")};
  EXPECT_EQ(line(config), "{\"c\":\"HTTP/1.1\"}\n");
  config.json_format.members.pop_back();
  EXPECT_EQ(line(config), "{}\n");
}

TEST_F(AccessLogTest, LinesAllocateNothingBesidesTheText) {
  AccessLogConfig config;
  config.json = true;
  config.json_format.members = {leaf("start", "%START_TIME%"), leaf("mixed", "%REQ(:METHOD)% %REQ(:PATH)%"),
                                leaf("user", "%REQ(USER-AGENT)%")};
  Filter filter = flags({"UT", "UH"});
  info_.flags.set(ResponseFlag::kNoHealthyUpstream);
  std::string out;
  out.reserve(4096);
  config.append_line(info_, out);
  EXPECT_TRUE(filter.matches(info_, 0));
  const size_t before = test::allocations();
  config.append_line(info_, out);
  const bool matched = filter.matches(info_, 0);
  EXPECT_EQ(test::allocations() - before, 0u);
  EXPECT_TRUE(matched);
}

}  // namespace
}  // namespace remora

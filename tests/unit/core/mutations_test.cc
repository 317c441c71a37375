#include <string>
#include <vector>

#include "core/format_fixture.h"
#include "remora/config/route.h"
#include "unit/support/allocation_counter.h"

namespace remora {
namespace {

using Action = HeaderMutation::Action;

class MutationsTest : public test::FormatTest {
 protected:
  static HeaderMutation add(const std::string& name, const std::string& value,
                            Action action = Action::kAppendOrAdd, bool keep_empty = false) {
    return {action, name, parsed(value), keep_empty};
  }
  [[nodiscard]] std::string applied(std::vector<HeaderMutation> additions,
                                    std::vector<std::string> removals = {}) const {
    HeaderMap head;
    head.add("x-old", "1");
    head.add("x-twice", "1");
    head.add("x-twice", "2");
    HeaderMutations{std::move(additions), std::move(removals)}.apply(head, info_);
    std::string out;
    for (const auto& field : head.fields())
      out.append(field.name).append("=").append(field.value).append(";");
    return out;
  }
};

TEST_F(MutationsTest, Actions) {
  EXPECT_EQ(applied({add("x-old", "2"), add("x-new", "n")}), "x-old=1;x-twice=1;x-twice=2;x-old=2;x-new=n;");
  EXPECT_EQ(applied({add("x-old", "2", Action::kAddIfAbsent), add("x-new", "n", Action::kAddIfAbsent)}),
            "x-old=1;x-twice=1;x-twice=2;x-new=n;");
  EXPECT_EQ(
      applied({add("x-twice", "3", Action::kOverwriteOrAdd), add("x-new", "n", Action::kOverwriteOrAdd)}),
      "x-old=1;x-twice=3;x-new=n;");
  EXPECT_EQ(
      applied({add("x-old", "2", Action::kOverwriteIfExists), add("x-new", "n", Action::kOverwriteIfExists)}),
      "x-old=2;x-twice=1;x-twice=2;");
}

TEST_F(MutationsTest, RemovalComesFirst) {
  EXPECT_EQ(applied({add("x-twice", "3")}, {"x-old", "x-twice", "x-none"}), "x-twice=3;");
  EXPECT_EQ(applied({add("x-old", "2", Action::kAddIfAbsent)}, {"x-old"}), "x-twice=1;x-twice=2;x-old=2;");
  EXPECT_EQ(applied({add("x-old", "2", Action::kOverwriteIfExists)}, {"x-old"}), "x-twice=1;x-twice=2;");
}

// The order and the outcome that an Envoy 1.40 shows for this list.
TEST_F(MutationsTest, ReplacementsPrecedeAdditionsAndJudgeTheHeadAsItWas) {
  EXPECT_EQ(applied({add("x-1", "one"), add("x-1", "two", Action::kOverwriteOrAdd),
                     add("x-1", "three", Action::kAddIfAbsent), add("x-5", "a"),
                     add("x-5", "b", Action::kOverwriteIfExists), add("x-6", "a", Action::kAddIfAbsent),
                     add("x-6", "b", Action::kAddIfAbsent)},
                    {"x-old", "x-twice"}),
            "x-1=two;x-1=one;x-1=three;x-5=a;x-6=a;x-6=b;");
}

TEST_F(MutationsTest, EmptyValuesAreLeftOutUnlessKept) {
  EXPECT_EQ(applied({add("x-2", "%REQ(X-NONE)%"), add("x-3", "%REQ(X-NONE)%", Action::kAppendOrAdd, true),
                     add("x-old", "%REQ(X-NONE)%", Action::kOverwriteOrAdd)},
                    {"x-twice"}),
            "x-old=1;x-3=;");
  EXPECT_EQ(applied({add("x-old", "", Action::kOverwriteOrAdd, true)}, {"x-twice"}), "x-old=;");
}

TEST_F(MutationsTest, ValuesAreReadBeforeAnyIsWritten) {
  HeaderMutations mutations{
      {add("user-agent", "changed", Action::kOverwriteOrAdd), add("x-seen", "%REQ(USER-AGENT)%")}, {}};
  mutations.apply(request_, info_);
  EXPECT_EQ(request_.get("user-agent"), "changed");
  EXPECT_EQ(request_.get("x-seen"), "curl/8");
}

TEST_F(MutationsTest, DoesNotAllocateOnceWarm) {
  const HeaderMutations mutations{
      {add("x-a", "%REQ(:METHOD)% %UPSTREAM_HOST% and more text than fits a short string"),
       add("x-b", "fixed", Action::kOverwriteOrAdd)},
      {"x-old"}};
  HeaderMap head;
  const auto run = [&] {
    head.clear();
    head.add("x-old", "1");
    mutations.apply(head, info_);
  };
  run();
  const size_t before = test::allocations();
  run();
  EXPECT_EQ(test::allocations() - before, 0u);
  EXPECT_EQ(head.get("x-b"), "fixed");
}

TEST(RetryOn, WordsBecomeBits) {
  std::vector<std::string> unknown;
  EXPECT_EQ(parse_retry_on("5xx,reset , connect-failure", &unknown),
            uint32_t{kRetryOn5xx | kRetryOnReset | kRetryOnConnectFailure});
  EXPECT_EQ(
      parse_retry_on("connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes", &unknown),
      uint32_t{kRetryOnConnectFailure | kRetryOnRefusedStream | kRetryOnGrpcUnavailable |
               kRetryOnGrpcCancelled | kRetryOnStatusCodes});
  EXPECT_EQ(parse_retry_on("", &unknown), 0u);
  EXPECT_EQ(parse_retry_on(" , ,", &unknown), 0u);
  EXPECT_TRUE(unknown.empty());
  EXPECT_EQ(parse_retry_on("503,5xx,5XX", &unknown), uint32_t{kRetryOn5xx});
  EXPECT_EQ(unknown, (std::vector<std::string>{"503", "5XX"}));
  EXPECT_EQ(parse_retry_on("nonsense", nullptr), 0u);
}

TEST(ClusterNames, StatisticsSeeNoColons) {
  ClusterConfig config;
  for (const auto& [name, expected] :
       std::vector<std::pair<std::string, std::string>>{{"outbound|80|v1|reviews.default.svc.cluster.local",
                                                         "outbound|80|v1|reviews.default.svc.cluster.local"},
                                                        {"http://host:80/x", "http_host_80/x"},
                                                        {"a:/b::c", "a_b__c"},
                                                        {std::string("a\0b", 3), "a_b"},
                                                        {"", ""}}) {
    config.name = name;
    EXPECT_EQ(cluster_stat_name(config), expected) << name;
  }
  config.alt_stat_name.edit() = "alt:1";
  EXPECT_EQ(cluster_stat_name(config), "alt_1");
}

}  // namespace
}  // namespace remora

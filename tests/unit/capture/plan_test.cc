#include "capture/plan.h"

#include <gtest/gtest.h>

#include "capture/rules.h"

namespace remora::capture {
namespace {

Iptables flavour(const std::string& name, bool legacy) {
  Iptables one;
  one.name = name;
  one.legacy = legacy;
  one.restore4 = "/sbin/" + name + "-restore";
  one.restore6 = "/sbin/ip6" + name.substr(2) + "-restore";
  return one;
}

Situation everything() {
  Situation situation;
  situation.iptables = {flavour("iptables-nft", false), flavour("iptables-legacy", true)};
  situation.nft = "/sbin/nft";
  situation.ip = "/sbin/ip";
  situation.privileged = true;
  return situation;
}

std::vector<std::string> programs(const Plan& plan) {
  std::vector<std::string> all;
  for (const Step& step : plan) {
    std::string words;
    for (const std::string& word : step.words) words += (words.empty() ? "" : " ") + word;
    all.push_back(words);
  }
  return all;
}

using Words = std::vector<std::string>;
const char* const kAddress = "/sbin/ip -6 addr replace ::6/128 dev lo nodad";

TEST(Plan, FirstFlavourWhereNobodyHasRules) {
  const auto plan = plan_apply({}, everything(), Tool::kAuto);
  EXPECT_EQ(programs(*plan), (Words{kAddress, "/sbin/iptables-nft-restore --noflush",
                                    "/sbin/ip6tables-nft-restore --noflush"}));
}

TEST(Plan, TheFlavourThatIsInUse) {
  Situation situation = everything();
  situation.iptables[1].used = true;
  const auto plan = plan_apply({}, situation, Tool::kAuto);
  EXPECT_EQ(programs(*plan), (Words{kAddress, "/sbin/iptables-legacy-restore --noflush --wait 30",
                                    "/sbin/ip6tables-legacy-restore --noflush --wait 30"}));
}

TEST(Plan, NotTheFlavourThatDoesNotWork) {
  Situation situation = everything();
  situation.iptables[0].trouble = "Protocol not supported";
  EXPECT_EQ(programs(*plan_apply({}, situation, Tool::kAuto))[1],
            "/sbin/iptables-legacy-restore --noflush --wait 30");
}

TEST(Plan, WhatIsAskedFor) {
  EXPECT_EQ(programs(*plan_apply({}, everything(), Tool::kIptablesLegacy))[1],
            "/sbin/iptables-legacy-restore --noflush --wait 30");
  EXPECT_EQ(programs(*plan_apply({}, everything(), Tool::kNft)), (Words{kAddress, "/sbin/nft -f -"}));
}

TEST(Plan, NftWhereThereIsNoIptables) {
  Situation situation = everything();
  situation.iptables.clear();
  EXPECT_EQ(programs(*plan_apply({}, situation, Tool::kAuto)), (Words{kAddress, "/sbin/nft -f -"}));
}

TEST(Plan, MissingProgramsAreNamed) {
  Situation situation;
  EXPECT_EQ(plan_apply({}, situation, Tool::kAuto).error().message,
            "neither iptables-restore nor nft is installed (Debian: iptables, or nftables)");
  EXPECT_EQ(plan_apply({}, situation, Tool::kNft).error().message, "nft is not installed (Debian: nftables)");
  EXPECT_EQ(plan_apply({}, situation, Tool::kIptablesLegacy).error().message,
            "iptables-legacy-restore is not installed");
  situation = everything();
  situation.ip.clear();
  EXPECT_EQ(plan_apply({}, situation, Tool::kAuto).error().message, "ip is not installed (Debian: iproute2)");
  situation = everything();
  situation.iptables[0].restore6.clear();
  EXPECT_EQ(plan_apply({}, situation, Tool::kAuto).error().message,
            "ip6tables-nft-restore is not installed, and this pod has IPv6");
}

TEST(Plan, WithoutIPv6NothingOfIt) {
  CaptureOptions options;
  options.ipv6 = false;
  Situation situation = everything();
  situation.ip.clear();
  EXPECT_EQ(programs(*plan_apply(options, situation, Tool::kAuto)),
            (Words{"/sbin/iptables-nft-restore --noflush"}));
}

TEST(Plan, TproxyRoutesWhatIsMarked) {
  CaptureOptions options;
  options.mode = Mode::kTproxy;
  Situation situation = everything();
  situation.marked_address = true;
  situation.routed_marks6 = {1337, 99};
  EXPECT_EQ(programs(*plan_apply(options, situation, Tool::kNft)),
            (Words{"/sbin/ip -4 route replace local 0.0.0.0/0 dev lo table 133",
                   "/sbin/ip -4 rule add fwmark 1337 lookup 133",
                   "/sbin/ip -6 route replace local ::/0 dev lo table 133", "/sbin/nft -f -",
                   "/sbin/ip -6 rule del fwmark 99 lookup 133"}));
}

TEST(Plan, RulesInOtherToolsGo) {
  Situation situation = everything();
  situation.iptables[1].saved4["nat"] = {{"ISTIO_OUTPUT"}, {"OUTPUT -j ISTIO_OUTPUT"}};
  situation.nft_tables = {{"inet", "istio-proxy-nat"}};
  const auto plan = plan_apply({}, situation, Tool::kIptablesNft);
  ASSERT_EQ(plan->size(), 5U);
  EXPECT_EQ((*plan)[3].input,
            "*nat\n:ISTIO_OUTPUT - [0:0]\n-D OUTPUT -j ISTIO_OUTPUT\n-X ISTIO_OUTPUT\nCOMMIT\n");
  EXPECT_EQ((*plan)[4].input, "delete table inet istio-proxy-nat\n");
}

TEST(Plan, CleanupTakesAllAway) {
  Situation situation = everything();
  EXPECT_TRUE(plan_cleanup({}, situation).empty());
  situation.iptables[0].saved6["raw"] = {{"ISTIO_OUTPUT_DNS"}, {}};
  situation.routed_marks4 = {1337};
  situation.marked_address = true;
  situation.nft_tables = {{"ip", "istio-proxy-mangle"}};
  EXPECT_EQ(programs(plan_cleanup({}, situation)),
            (Words{"/sbin/ip6tables-nft-restore --noflush", "/sbin/nft -f -",
                   "/sbin/ip -4 rule del fwmark 1337 lookup 133", "/sbin/ip -4 route flush table 133",
                   "/sbin/ip -6 addr del ::6/128 dev lo"}));
}

TEST(Plan, AScriptDoesTheSame) {
  const Plan plan{{"first", {"/sbin/ip", "link"}, ""},
                  {"second", {"/sbin/nft", "-f", "-"}, "table ip a {\n}\n"}};
  EXPECT_EQ(script_of(plan),
            "# first\n/sbin/ip link\n# second\n/sbin/nft -f - <<'END'\ntable ip a {\n}\nEND\n");
}

TEST(Situation, MarksThatAreRouted) {
  const char* text =
      "0:\tfrom all lookup local\n"
      "32764:\tfrom all fwmark 0x539 lookup 133\n"
      "32765:\tfrom all fwmark 0x7b lookup 200\n"
      "32766:\tfrom all lookup main\n";
  EXPECT_EQ(parse_routed_marks(text, 133), std::vector<uint32_t>{1337});
  EXPECT_TRUE(parse_routed_marks(text, 134).empty());
}

}  // namespace
}  // namespace remora::capture

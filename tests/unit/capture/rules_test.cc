#include "capture/rules.h"

#include <gtest/gtest.h>

#include "capture/iptables_text.h"
#include "capture/nft_text.h"

namespace remora::capture {
namespace {

/// The rules of a chain without their purposes, a line each.
std::string chain(const Rules& rules, const std::string& name, Table table = Table::kNat,
                  Family family = Family::kV4) {
  std::string text;
  for (const Rule& rule : rules) {
    if (rule.table != table || rule.chain != name || !applies_to(rule, family)) continue;
    text += iptables_arguments(rule, family).substr(1) + "\n";
  }
  return text;
}

TEST(NatRules, ByDefaultEverythingButTheSidecarsOwnPorts) {
  const Rules rules = build_rules({});
  EXPECT_EQ(chain(rules, kInboundChain),
            "-p tcp --dport 15008 -j RETURN\n"
            "-p tcp --dport 15090 -j RETURN\n"
            "-p tcp --dport 15021 -j RETURN\n"
            "-p tcp --dport 15020 -j RETURN\n"
            "-p tcp -j ISTIO_IN_REDIRECT\n");
  EXPECT_EQ(chain(rules, kOutputChain),
            "-s 127.0.0.6/32 -o lo -j RETURN\n"
            "! -d 127.0.0.1/32 -o lo -p tcp ! --dport 15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT\n"
            "-o lo -m owner ! --uid-owner 1337 -j RETURN\n"
            "-m owner --uid-owner 1337 -j RETURN\n"
            "! -d 127.0.0.1/32 -o lo -p tcp ! --dport 15008 -m owner --gid-owner 1337 -j ISTIO_IN_REDIRECT\n"
            "-o lo -m owner ! --gid-owner 1337 -j RETURN\n"
            "-m owner --gid-owner 1337 -j RETURN\n"
            "-d 127.0.0.1/32 -j RETURN\n"
            "-j ISTIO_REDIRECT\n");
  EXPECT_EQ(chain(rules, kPrerouting), "-p tcp -j ISTIO_INBOUND\n");
  EXPECT_EQ(chain(rules, kOutput), "-j ISTIO_OUTPUT\n");
  EXPECT_EQ(chain(rules, kRedirectChain), "-p tcp -j REDIRECT --to-ports 15001\n");
  EXPECT_EQ(chain(rules, kInRedirectChain), "-p tcp -j REDIRECT --to-ports 15006\n");
  EXPECT_TRUE(chains_of(rules, Table::kMangle).empty());
}

TEST(NatRules, ExclusionsStandBeforeInclusions) {
  CaptureOptions options;
  options.outbound_ranges = {false, *parse_prefixes("10.0.0.0/8,fd00::/8")};
  options.excluded_outbound_ranges = *parse_prefixes("10.9.0.0/16");
  options.outbound_ports = *parse_ports("443");
  options.excluded_outbound_ports = *parse_ports("53-54");
  options.excluded_interfaces = {"net1"};
  const Rules rules = build_rules(options);
  const std::string v4 = chain(rules, kOutputChain);
  EXPECT_TRUE(
      v4.starts_with("-o net1 -j RETURN\n-p tcp --dport 53:54 -j RETURN\n-p udp --dport 53:54 -j RETURN\n"))
      << v4;
  EXPECT_TRUE(
      v4.ends_with("-d 10.9.0.0/16 -j RETURN\n-p tcp --dport 443 -j ISTIO_REDIRECT\n"
                   "-d 10.0.0.0/8 -j ISTIO_REDIRECT\n"))
      << v4;
  const std::string v6 = chain(rules, kOutputChain, Table::kNat, Family::kV6);
  EXPECT_TRUE(
      v6.ends_with("-d ::1/128 -j RETURN\n-p tcp --dport 443 -j ISTIO_REDIRECT\n"
                   "-d fd00::/8 -j ISTIO_REDIRECT\n"))
      << v6;
}

TEST(NatRules, LoopbackIsCapturedWhereItIsIncluded) {
  CaptureOptions options;
  options.outbound_ranges = {false, *parse_prefixes("127.1.2.3/32")};
  EXPECT_EQ(chain(build_rules(options), kOutputChain).find("! --uid-owner"), std::string::npos);
}

TEST(NatRules, OwnerGroups) {
  CaptureOptions options;
  options.owner_groups = {false, {5, 6}};
  EXPECT_NE(chain(build_rules(options), kOutputChain)
                .find("-m owner ! --gid-owner 5 -m owner ! --gid-owner 6 -j RETURN\n"),
            std::string::npos);
}

TEST(NatRules, VirtualMachinesAreApplications) {
  CaptureOptions options;
  options.virtual_interfaces = {"vm0"};
  options.inbound_ports = {};
  const Rules rules = build_rules(options);
  EXPECT_EQ(chain(rules, kInboundChain),
            "-i vm0 -j ISTIO_REDIRECT\n-i vm0 -j RETURN\n-p tcp --dport 15008 -j RETURN\n");
  EXPECT_EQ(chain(rules, kPrerouting), "-p tcp -j ISTIO_INBOUND\n");
}

TEST(MangleRules, TproxyDecidesInboundThere) {
  CaptureOptions options;
  options.mode = Mode::kTproxy;
  options.inbound_ports = {false, {{8080, 8080}}};
  options.drop_invalid = true;
  const Rules rules = build_rules(options);
  EXPECT_EQ(chain(rules, kInboundChain, Table::kMangle),
            "-p tcp -m mark --mark 1337 -j CONNMARK --save-mark\n"
            "-p tcp -m mark --mark 1337 -j RETURN\n"
            "-s 127.0.0.6/32 -i lo -p tcp -j RETURN\n"
            "-i lo -p tcp -m mark ! --mark 1338 -j RETURN\n"
            "-p tcp --dport 8080 -m conntrack --ctstate RELATED,ESTABLISHED -j ISTIO_DIVERT\n"
            "-p tcp --dport 8080 -j ISTIO_TPROXY\n");
  EXPECT_EQ(chain(rules, kTproxyChain, Table::kMangle),
            "! -d 127.0.0.1/32 -p tcp -j TPROXY --tproxy-mark 1337/0xffffffff --on-port 15006\n");
  EXPECT_EQ(chain(rules, kPrerouting, Table::kMangle),
            "-m conntrack --ctstate INVALID -j ISTIO_DROP\n-p tcp -j ISTIO_INBOUND\n");
  EXPECT_EQ(chain(rules, kPrerouting), "") << "nat has nothing to say about inbound connections";
}

TEST(Rules, EachHasAPurpose) {
  CaptureOptions options;
  options.mode = Mode::kTproxy;
  for (const Rule& rule : build_rules(options)) EXPECT_FALSE(rule.purpose.empty()) << rule.chain;
}

TEST(IptablesText, ReplacesWhatIsThereInOneStep) {
  const Rules rules{{Table::kNat, kOutput, {}, {.verb = Verb::kJump, .chain = kOutputChain}, "why"}};
  const SavedRules saved{{"nat", {{"ISTIO_OUTPUT", "ISTIO_OLD"}, {"OUTPUT -p tcp -j ISTIO_OLD"}}},
                         {"raw", {{"ISTIO_X"}, {}}}};
  EXPECT_EQ(iptables_text(rules, Family::kV4, saved),
            "*nat\n"
            ":ISTIO_OUTPUT - [0:0]\n"
            ":ISTIO_OLD - [0:0]\n"
            "-D OUTPUT -p tcp -j ISTIO_OLD\n"
            "-X ISTIO_OLD\n"
            "# why\n"
            "-A OUTPUT -j ISTIO_OUTPUT\n"
            "COMMIT\n"
            "*raw\n"
            ":ISTIO_X - [0:0]\n"
            "-X ISTIO_X\n"
            "COMMIT\n");
  EXPECT_EQ(iptables_text({}, Family::kV4, {}), "");
}

TEST(NftText, OneTransactionWithBothFamilies) {
  CaptureOptions options;
  options.outbound_ranges = {false, *parse_prefixes("10.0.0.0/8")};
  options.excluded_interfaces = {"eth+"};
  const std::string text = nft_text(build_rules(options), true, {{"ip", "istio-proxy-nat"}});
  EXPECT_TRUE(text.starts_with("delete table ip istio-proxy-nat\ntable inet istio-proxy-nat {\n")) << text;
  EXPECT_NE(text.find("    ip daddr 10.0.0.0/8 counter jump istio-redirect\n"), std::string::npos) << text;
  EXPECT_NE(text.find("    oifname \"eth*\" counter return\n"), std::string::npos) << text;
  EXPECT_NE(text.find("    ip6 daddr ::1/128 counter return\n"), std::string::npos) << text;
  const std::string v4 = nft_text(build_rules(options), false, {});
  EXPECT_TRUE(v4.starts_with("table ip istio-proxy-nat {\n")) << v4;
  EXPECT_EQ(v4.find("ip6"), std::string::npos);
}

}  // namespace
}  // namespace remora::capture

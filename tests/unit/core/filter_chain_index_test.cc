#include "core/filter_chain_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

namespace remora {
namespace {

using SourceType = FilterChainMatch::SourceType;

CidrRange range(std::string_view base, uint8_t length) { return {*Address::ip(base, 0), length}; }

/// A connection as a test writes it.
struct Client {
  Address local = *Address::ip("127.0.0.1", 443);
  Address remote = *Address::ip("192.0.2.9", 40000);
  std::string server_name;
  std::string transport = "raw_buffer";
  std::vector<std::string> protocols;

  [[nodiscard]] ChainFacts facts() const {
    return {local, remote, remote, server_name, transport, protocols};
  }
};

/// Which of chains named by their index a client gets; -1: none.
int find(const std::vector<FilterChainMatch>& matches, const Client& client) {
  std::vector<FilterChain> chains;
  for (const auto& match : matches) {
    chains.emplace_back().match = match;
    chains.back().name = std::to_string(chains.size() - 1);
  }
  const auto index = FilterChainIndex::build(chains);
  EXPECT_TRUE(index) << index.error().message;
  const auto found = index->find(client.facts());
  return found == FilterChainIndex::kNone ? -1 : static_cast<int>(found);
}

FilterChainMatch names(std::vector<std::string> server_names) {
  FilterChainMatch match;
  match.server_names = std::move(server_names);
  return match;
}

TEST(FilterChainIndex, OneChainWithoutConditionsTakesEverything) {
  EXPECT_EQ(find({{}}, {}), 0);
  EXPECT_EQ(find({}, {}), -1);
}

TEST(FilterChainIndex, TheMostSpecificServerNameDecides) {
  const std::vector<FilterChainMatch> chains = {
      names({"*.example.com"}), names({"*.com"}), names({"www.example.com"}), {}};
  Client client;
  client.server_name = "www.example.com";
  EXPECT_EQ(find(chains, client), 2);
  client.server_name = "a.b.example.com";
  EXPECT_EQ(find(chains, client), 0);
  client.server_name = "example.com";  // a wildcard stands for something
  EXPECT_EQ(find(chains, client), 1);
  client.server_name = "com";
  EXPECT_EQ(find(chains, client), 3);
  client.server_name = "";
  EXPECT_EQ(find(chains, client), 3);
}

TEST(FilterChainIndex, AStepIsNeverTakenBack) {
  FilterChainMatch port;
  port.destination_port = 443;
  port.server_names = {"a.test"};
  Client client;
  client.server_name = "b.test";
  EXPECT_EQ(find({port, {}}, client), -1);  // the port fits the first chain, so the second is out
  client.local.set_port(80);
  EXPECT_EQ(find({port, {}}, client), 1);
}

TEST(FilterChainIndex, TheLongestRangeDecidesAndFamiliesAreApart) {
  FilterChainMatch wide;
  wide.destination_ranges = {range("127.0.0.0", 8), range("::", 0)};
  FilterChainMatch narrow;
  narrow.destination_ranges = {range("127.0.0.1", 32)};
  FilterChainMatch unused;
  unused.destination_ranges = {range("10.0.0.0", 8)};
  const std::vector<FilterChainMatch> chains = {wide, narrow, unused};
  Client client;
  EXPECT_EQ(find(chains, client), 1);
  client.local = *Address::ip("127.0.0.2", 443);
  EXPECT_EQ(find(chains, client), 0);
  client.local = *Address::ip("192.168.0.1", 443);
  EXPECT_EQ(find(chains, client), -1);
  client.local = *Address::ip("2001:db8::1", 443);
  EXPECT_EQ(find(chains, client), 0);
}

TEST(FilterChainIndex, ProtocolsInTheClientsOrder) {
  FilterChainMatch h2;
  h2.application_protocols = {"h2"};
  FilterChainMatch http1;
  http1.application_protocols = {"http/1.1"};
  Client client;
  client.protocols = {"spdy", "http/1.1", "h2"};
  EXPECT_EQ(find({h2, http1, {}}, client), 1);
  client.protocols = {"spdy"};
  EXPECT_EQ(find({h2, http1, {}}, client), 2);
}

TEST(FilterChainIndex, LocalAndExternalSources) {
  FilterChainMatch local;
  local.source_type = SourceType::kSameIpOrLoopback;
  FilterChainMatch external;
  external.source_type = SourceType::kExternal;
  Client client;
  EXPECT_EQ(find({local, external}, client), 1);
  client.remote = *Address::ip("127.0.0.1", 1);
  EXPECT_EQ(find({local, external}, client), 0);
  client.remote = *Address::ip("127.0.0.2", 1);  // to Envoy that is another host
  EXPECT_EQ(find({local, external}, client), 1);
  client.local = client.remote = *Address::ip("192.0.2.9", 1);
  EXPECT_EQ(find({local, external}, client), 0);
  EXPECT_EQ(find({external, {}}, client), 1);
}

TEST(FilterChainIndex, TwoChainsForTheSameConnectionsAreRefusedByName) {
  FilterChain first;
  first.name = "one";
  first.match.server_names = {"a.test", "b.test"};
  FilterChain second;
  second.match.server_names = {"c.test", "b.test"};
  const auto refused = FilterChainIndex::build(std::vector{first, second});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "filter chain filter_chains[1] matches the same connections as 'one'");
  second.match.source_ports = {7};
  EXPECT_TRUE(FilterChainIndex::build(std::vector{first, second}));
}

// ---------------------------------------------------------------------------------------------- the same,
// slowly

/// Keeps, step by step, the chains whose entry for this step is the most specific one that fits.
class Naive {
 public:
  Naive(const std::vector<FilterChain>& chains, const Client& client) : client_(client) {
    for (const auto& chain : chains) left_.push_back(&chain.match);
    all_ = left_;
  }

  int find() {
    keep_port();
    keep_range(&FilterChainMatch::destination_ranges, client_.local);
    keep_name();
    keep_exact_or_none([&](const FilterChainMatch& m) { return m.transport_protocol == client_.transport; },
                       [](const FilterChainMatch& m) { return m.transport_protocol.empty(); });
    keep_protocol();
    keep_range(&FilterChainMatch::direct_source_ranges, client_.remote);
    keep_type();
    keep_range(&FilterChainMatch::source_ranges, client_.remote);
    keep_exact_or_none(
        [&](const FilterChainMatch& m) { return contains(m.source_ports, client_.remote.port()); },
        [](const FilterChainMatch& m) { return m.source_ports.empty(); });
    if (left_.empty()) return -1;
    EXPECT_EQ(left_.size(), 1u);
    return static_cast<int>(std::find(all_.begin(), all_.end(), left_[0]) - all_.begin());
  }

 private:
  using Test = std::function<bool(const FilterChainMatch&)>;
  template <typename List, typename Value>
  static bool contains(const List& list, const Value& value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  }
  void keep(const Test& test) {
    std::erase_if(left_, [&](const FilterChainMatch* match) { return !test(*match); });
  }
  bool any(const Test& test) const {
    return std::any_of(left_.begin(), left_.end(), [&](const auto* match) { return test(*match); });
  }
  void keep_exact_or_none(const Test& exact, const Test& none) { keep(any(exact) ? exact : none); }

  void keep_port() {
    keep_exact_or_none([&](const FilterChainMatch& m) { return m.destination_port == client_.local.port(); },
                       [](const FilterChainMatch& m) { return !m.destination_port; });
  }
  void keep_range(std::vector<CidrRange> FilterChainMatch::*ranges, const Address& address) {
    int longest = -1;
    const auto length = [&](const FilterChainMatch& match) {
      int best = (match.*ranges).empty() ? -1 : -2;
      for (const auto& candidate : match.*ranges) {
        if (candidate.contains(address)) best = std::max(best, int{candidate.prefix_length});
      }
      return best;
    };
    for (const auto* match : left_) longest = std::max(longest, length(*match));
    keep([&](const FilterChainMatch& match) {
      if (longest == -1) return (match.*ranges).empty();
      return std::any_of((match.*ranges).begin(), (match.*ranges).end(), [&](const CidrRange& candidate) {
        return candidate.contains(address) && candidate.prefix_length == longest;
      });
    });
  }
  void keep_name() {
    std::vector<std::string> wanted = {client_.server_name};
    for (size_t dot = client_.server_name.find('.'); dot != std::string::npos;
         dot = client_.server_name.find('.', dot + 1)) {
      wanted.push_back("*" + client_.server_name.substr(dot));
    }
    for (const auto& name : wanted) {
      const Test has = [&](const FilterChainMatch& m) { return contains(m.server_names, name); };
      if (!any(has)) continue;
      keep(has);
      return;
    }
    keep([](const FilterChainMatch& m) { return m.server_names.empty(); });
  }
  void keep_protocol() {
    for (const auto& protocol : client_.protocols) {
      const Test has = [&](const FilterChainMatch& m) { return contains(m.application_protocols, protocol); };
      if (!any(has)) continue;
      keep(has);
      return;
    }
    keep([](const FilterChainMatch& m) { return m.application_protocols.empty(); });
  }
  void keep_type() {
    const auto host = client_.remote.host();
    const bool local = host == "127.0.0.1" || host == "::1" || host == client_.local.host();
    const auto wanted = local ? SourceType::kSameIpOrLoopback : SourceType::kExternal;
    keep_exact_or_none([&](const FilterChainMatch& m) { return m.source_type == wanted; },
                       [](const FilterChainMatch& m) { return m.source_type == SourceType::kAny; });
  }

  const Client& client_;
  std::vector<const FilterChainMatch*> left_;
  std::vector<const FilterChainMatch*> all_;
};

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  FilterChain chain() {
    FilterChain made;
    auto& match = made.match;
    if (one_in(3)) match.destination_port = pick(kPorts);
    if (one_in(3)) match.destination_ranges = some(kRanges);
    if (one_in(2)) match.server_names = some(kNames);
    if (one_in(3)) match.transport_protocol = one_in(2) ? "tls" : "raw_buffer";
    if (one_in(3)) match.application_protocols = some(kProtocols);
    if (one_in(4)) match.direct_source_ranges = some(kRanges);
    if (one_in(3)) match.source_type = static_cast<SourceType>(random_() % 3);
    if (one_in(3)) match.source_ranges = some(kRanges);
    if (one_in(3)) match.source_ports = some(kPorts);
    return made;
  }

  Client client() {
    Client made;
    made.local = *Address::ip(pick(kHosts), pick(kPorts));
    made.remote = *Address::ip(pick(kHosts), pick(kPorts));
    if (one_in(2)) made.server_name = pick(kClientNames);
    made.transport = one_in(2) ? "tls" : "raw_buffer";
    if (one_in(2)) made.protocols = some(kProtocols);
    return made;
  }
  bool one_in(uint32_t n) { return random_() % n == 0; }

 private:
  template <typename List>
  typename List::value_type pick(const List& list) {
    return list[random_() % list.size()];
  }
  template <typename List>
  List some(List list) {
    std::shuffle(list.begin(), list.end(), random_);
    list.resize(1 + random_() % 2);
    return list;
  }

  const std::vector<uint16_t> kPorts = {80, 443, 7000};
  const std::vector<std::string> kHosts = {"127.0.0.1", "127.0.0.2", "10.1.2.3",
                                           "10.1.9.9",  "::1",       "2001:db8::7"};
  const std::vector<CidrRange> kRanges = {range("127.0.0.0", 8),   range("127.0.0.1", 32),
                                          range("10.1.0.0", 16),   range("10.1.2.0", 24),
                                          range("2001:db8::", 32), range("::1", 128)};
  const std::vector<std::string> kNames = {"a.test", "*.test", "b.a.test", "*.a.test", "test"};
  const std::vector<std::string> kClientNames = {"a.test", "b.a.test", "c.b.a.test",
                                                 "x.test", "test",     "none"};
  const std::vector<std::string> kProtocols = {"h2", "http/1.1", "istio"};
  std::mt19937 random_;
};

TEST(FilterChainIndex, AgreesWithThePlainReadingOfTheRules) {
  int found_some = 0;
  int compared = 0;
  for (uint32_t seed = 0; seed < 400; ++seed) {
    Generator generator(seed);
    std::vector<FilterChain> chains;
    while (chains.size() < 12) {
      chains.push_back(generator.chain());
      if (!FilterChainIndex::build(chains)) chains.pop_back();  // would match what another one does
      if (generator.one_in(25)) break;
    }
    const auto index = FilterChainIndex::build(chains);
    ASSERT_TRUE(index);
    for (int i = 0; i < 100; ++i) {
      const auto client = generator.client();
      const auto found = index->find(client.facts());
      const int expected = Naive(chains, client).find();
      ASSERT_EQ(found == FilterChainIndex::kNone ? -1 : static_cast<int>(found), expected)
          << "seed " << seed << ", connection " << i;
      ++compared;
      if (expected >= 0) ++found_some;
    }
  }
  EXPECT_GT(found_some, compared / 10);
}

}  // namespace
}  // namespace remora

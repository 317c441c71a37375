#include <gtest/gtest.h>

#include "listener/chain_maker.h"

namespace remora {
namespace {

FilterChain http_chain(std::string name, uint64_t hash, uint64_t transport_hash) {
  FilterChain chain;
  chain.name = std::move(name);
  chain.hash = hash;
  chain.transport_hash = transport_hash;
  chain.http = std::make_shared<HttpConnectionManagerConfig>();
  return chain;
}

/// A version of a listener with these chains; `with_default`: the last one is the default chain.
std::unique_ptr<ListenerRuntime> version(const std::vector<FilterChain>& chains, bool with_default = false) {
  auto config = std::make_shared<ListenerConfig>();
  config->filter_chains.assign(chains.begin(), chains.end() - (with_default ? 1 : 0));
  auto index = FilterChainIndex::build({});
  auto runtime =
      std::make_unique<ListenerRuntime>(ListenerRuntime{config, nullptr, {}, std::move(*index), {}});
  for (const auto& chain : chains) {
    auto made = std::make_shared<ChainRuntime>();
    made->config = chain;
    runtime->chains.push_back({made, ListenerRuntime::Chain::kNew});
  }
  return runtime;
}

constexpr size_t kNew = ListenerRuntime::Chain::kNew;

TEST(ChainHeritage, AnEqualHashIsTheSameChainWhereverItStands) {
  const auto old = version({http_chain("a", 1, 11), http_chain("b", 2, 12)});
  ChainHeritage heritage(old.get());
  const auto found = heritage.take(http_chain("b", 2, 12), false);
  EXPECT_EQ(found.number, 1u);
  EXPECT_TRUE(found.same);
}

TEST(ChainHeritage, AnEqualTransportHandsConnectionsOver) {
  const auto old = version({http_chain("a", 1, 11)});
  ChainHeritage heritage(old.get());
  EXPECT_EQ(heritage.take(http_chain("a", 9, 99), false).number, kNew);
  EXPECT_EQ(heritage.take(http_chain("renamed", 9, 11), false).number, kNew);
  const auto found = heritage.take(http_chain("a", 9, 11), false);
  EXPECT_EQ(found.number, 0u);
  EXPECT_FALSE(found.same);
}

TEST(ChainHeritage, NoChainContinuesTwice) {
  const auto old = version({http_chain("", 0, 0)});
  ChainHeritage heritage(old.get());
  EXPECT_EQ(heritage.take(http_chain("", 0, 0), false).number, 0u);
  EXPECT_EQ(heritage.take(http_chain("", 0, 0), false).number, kNew);
}

TEST(ChainHeritage, AHashThatWasNeverComputedSaysNothing) {
  const auto old = version({http_chain("a", 0, 11)});
  EXPECT_FALSE(ChainHeritage(old.get()).take(http_chain("a", 0, 11), false).same);
}

TEST(ChainHeritage, AChangedTcpProxyIsNew) {
  auto before = http_chain("a", 1, 11);
  before.http = nullptr;
  before.tcp = std::make_shared<TcpProxyConfig>();
  auto after = before;
  after.hash = 2;
  const auto old = version({before});
  EXPECT_EQ(ChainHeritage(old.get()).take(after, false).number, kNew);
  EXPECT_TRUE(ChainHeritage(old.get()).take(before, false).same);
  EXPECT_EQ(ChainHeritage(old.get()).take(http_chain("a", 2, 11), false).number, kNew);
}

TEST(ChainHeritage, TheDefaultChainOnlyContinuesTheDefaultChain) {
  const auto old = version({http_chain("a", 1, 11), http_chain("a", 2, 11)}, true);
  ChainHeritage heritage(old.get());
  EXPECT_EQ(heritage.take(http_chain("a", 3, 11), true).number, 1u);
  EXPECT_EQ(heritage.take(http_chain("a", 4, 11), false).number, 0u);
  EXPECT_EQ(ChainHeritage(nullptr).take(http_chain("a", 1, 11), false).number, kNew);
}

}  // namespace
}  // namespace remora

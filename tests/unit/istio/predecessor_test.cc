// A snapshot that takes over what its predecessor had is the one that would be built from nothing.
#include "istio/build/predecessor.h"

#include <gtest/gtest.h>

#include "unit/istio/random_mesh.h"

namespace remora::istio::test {
namespace {

ProxyNode proxy(bool identified) {
  ProxyNode node;
  node.id = "sidecar~~a.default~default.svc.cluster.local";
  node.ns = "default";
  node.identified = identified;
  return node;
}

TEST(Predecessor, WhatComesOutIsWhatWouldBeBuiltFromNothing) {
  for (const bool identified : {true, false}) {
    RandomMesh mesh;
    auto registry = std::make_unique<Registry>(mesh.resources());
    auto snapshot = std::make_unique<Snapshot>(build_outbound(*registry, proxy(identified)));
    size_t unchanged = 0;
    for (int i = 0; i < 300; ++i) {
      mesh.step();
      auto next = std::make_unique<Registry>(mesh.resources());
      Predecessor before(*registry, *snapshot);
      auto built = std::make_unique<Snapshot>(build_outbound(*next, proxy(identified), &before));
      for (const MeshService& service : next->services()) unchanged += before.unchanged(service) ? 1 : 0;
      expect_equal(*built, build_outbound(*next, proxy(identified)), i);
      registry = std::move(next);
      snapshot = std::move(built);
    }
    EXPECT_GT(unchanged, 1000U) << "most services stay as they are in most steps";
  }
}

}  // namespace
}  // namespace remora::istio::test

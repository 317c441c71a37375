// What workloads know of the mesh where no Sidecar says it.
#include "control_plane/default_scope.h"

#include <gtest/gtest.h>

#include "control_plane/mesh.h"

namespace remora::xds {
namespace {

class Source final : public ResourceSource {
 public:
  explicit Source(std::string yaml) : yaml_(std::move(yaml)) {}
  ResourceList list() const override {
    auto parsed = istio::parse_file("mesh.yaml", yaml_);
    EXPECT_TRUE(parsed.findings.empty()) << istio::to_string(parsed.findings.front());
    return {1, parsed.resources, parsed.findings};
  }
  void watch(std::function<void()>) override {}

 private:
  std::string yaml_;
};

std::string service(const std::string& name, const std::string& ns) {
  return "---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name + ", namespace: " + ns +
         "}\nspec: {ports: [{name: http, port: 80}]}\n";
}

std::string object(const std::string& kind, const std::string& name, const std::string& ns,
                   const std::string& spec) {
  return "---\napiVersion: networking.istio.io/v1\nkind: " + kind + "\nmetadata: {name: " + name +
         ", namespace: " + ns + "}\nspec: " + spec + "\n";
}

const std::string kServices =
    service("mine", "a") + service("other", "b") + service("third", "c") + service("shared", "istio-system");

/// The services that a proxy of namespace "a" has clusters for.
std::string known(const std::string& yaml, DefaultScope scope,
                  istio::ProxyType type = istio::ProxyType::kSidecar) {
  istio::ProxyNode node;
  node.ns = "a";
  node.type = type;
  Source source(yaml);
  istio::Inventory inventory;
  Mesh mesh(source, inventory, {}, scope);
  std::string names;
  const auto snapshot = mesh.snapshot_for(node);
  for (const auto& entry : snapshot->group(istio::XdsType::kCluster).resources) {
    const std::string host(entry.first.substr(entry.first.rfind('|') + 1));
    names += (names.empty() ? "" : " ") + host.substr(0, host.find('.'));
  }
  return names;
}

TEST(DefaultScope, OfTheMeshIsAllThatThereIs) {
  EXPECT_EQ(known(kServices, DefaultScope::kMesh), "mine other shared third");
}

TEST(DefaultScope, OfANamespaceIsItsOwnServicesAndTheRootNamespaces) {
  EXPECT_EQ(known(kServices, DefaultScope::kNamespace), "mine shared");
}

TEST(DefaultScope, WhatKnownRoutesLeadToIsKnown) {
  const std::string routes =
      object("VirtualService", "mine", "a",
             "{hosts: [mine], http: [{route: [{destination: {host: other.b.svc.cluster.local}}]}]}");
  EXPECT_EQ(known(kServices + routes, DefaultScope::kNamespace), "mine other shared");
}

TEST(DefaultScope, ASidecarSaysMore) {
  const std::string own = object("Sidecar", "s", "a", "{egress: [{hosts: [b/*]}]}");
  EXPECT_EQ(known(kServices + own, DefaultScope::kNamespace), "other");
  const std::string of_the_mesh = object("Sidecar", "s", "istio-system", "{egress: [{hosts: ['*/*']}]}");
  EXPECT_EQ(known(kServices + of_the_mesh, DefaultScope::kNamespace), "mine other shared third");
}

TEST(DefaultScope, AGatewayHasWhatItsRoutesLeadTo) {
  const std::string gateway =
      object("Gateway", "g", "a",
             "{servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}") +
      object("VirtualService", "v", "a",
             "{hosts: [example.com], gateways: [g], http: [{route: [{destination: {host: "
             "third.c.svc.cluster.local}}]}]}");
  EXPECT_EQ(known(kServices + gateway, DefaultScope::kNamespace, istio::ProxyType::kGateway), "third");
}

}  // namespace
}  // namespace remora::xds

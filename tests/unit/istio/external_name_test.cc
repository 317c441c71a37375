// Services of type ExternalName: further names of hosts.
#include <gtest/gtest.h>

#include "istio/build/call_names.h"
#include "istio/build/mesh_view.h"
#include "istio/build/snapshot.h"
#include "istio/model/hosts.h"
#include "istio/reconcile/references.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

const std::string kHost = "myapp.default.svc.cluster.local";
const std::string kAlias = "old.default.svc.cluster.local";

std::string alias(const std::string& name, const std::string& target) {
  return "---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name +
         "}\nspec: {type: ExternalName, externalName: " + target + "}\n";
}

TEST(ExternalName, IsTheHostItself) {
  const Registry mesh = registry(kMyapp + alias("old", kHost) + alias("older", kAlias));
  EXPECT_EQ(mesh.services().size(), 1U) << "it has neither clusters nor a listener of its own";
  const MeshService* service = mesh.find_service(kAlias);
  ASSERT_NE(service, nullptr);
  EXPECT_EQ(service->host, kHost);
  EXPECT_EQ(mesh.find_service("older.default.svc.cluster.local"), service) << "through another one";
  EXPECT_EQ(names_of(*service, "default"),
            (std::vector<std::string>{kHost, "myapp", "myapp.default", "myapp.default.svc", kAlias, "old",
                                      "old.default", "old.default.svc", "older.default.svc.cluster.local",
                                      "older", "older.default", "older.default.svc"}));
}

TEST(ExternalName, DestinationsLeadToTheClusterOfTheHost) {
  const Registry mesh =
      registry(kMyapp + alias("old", kHost) + "---\n" +
               virtual_service("  - route: [{destination: {host: old, port: {number: 8080}}}]\n"));
  const ProxyNode node = sidecar_at("127.0.0.1");
  const MeshView view(mesh, node);
  Destination destination;
  destination.host = "old";
  EXPECT_EQ(view.destination_cluster(destination, *mesh.virtual_services()[0], 80),
            "outbound|8080||" + kHost);
  EXPECT_TRUE(dangling_references(*mesh.virtual_services()[0], mesh).empty());
}

TEST(ExternalName, OfAnUnknownHostIsUnknown) {
  const Registry mesh = registry(kMyapp + alias("old", "www.example.test"));
  EXPECT_EQ(mesh.find_service(kAlias), nullptr);
  EXPECT_EQ(texts(idle_resources(mesh)),
            std::vector<std::string>{
                "mesh.yaml:19: warning: Service default/old: spec.externalName: no Service or "
                "ServiceEntry defines \"www.example.test\": requests are those to an unknown host"});
}

TEST(ExternalName, InACircleIsNoHost) {
  const Registry mesh =
      registry(alias("a", "b.default.svc.cluster.local") + alias("b", "a.default.svc.cluster.local") +
               alias("c", "b.default.svc.cluster.local"));
  for (const char* name : {"a", "b", "c"})
    EXPECT_EQ(mesh.find_service(resolve_host(name, "default")), nullptr) << name;
  EXPECT_EQ(idle_resources(mesh).size(), 3U);
}

TEST(ExternalName, RulesOfItHaveNoEffect) {
  const Registry mesh =
      registry(kMyapp + alias("old", kHost) +
               "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v}\n"
               "spec: {hosts: [old], http: [{route: [{destination: {host: myapp}}]}]}\n"
               "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: r}\nspec: "
               "{host: old}\n");
  const auto found = texts(idle_resources(mesh));
  ASSERT_EQ(found.size(), 2U) << ::testing::PrintToString(found);
  for (const std::string& text : found)
    EXPECT_NE(text.find("has no effect: \"" + kAlias + "\" is a Service of type ExternalName"),
              std::string::npos)
        << text;
}

TEST(ExternalName, OfAHostThatIsDefinedOtherwiseHasNoEffect) {
  const Registry mesh = registry(
      kMyapp + alias("old", kHost) +
      "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e}\nspec: {hosts: [" +
      kAlias +
      "], resolution: STATIC, ports: [{number: 80, name: http}], endpoints: [{address: 10.0.0.1}]}\n");
  EXPECT_EQ(mesh.find_service(kAlias)->host, kAlias);
  EXPECT_TRUE(mesh.find_service(kHost)->aliases.empty());
  EXPECT_EQ(texts(idle_resources(mesh)).size(), 1U);
}

}  // namespace
}  // namespace remora::istio::test

#include "kube/target.h"

#include <gtest/gtest.h>

namespace remora::kube {
namespace {

using What = Target::What;

TEST(Target, ReadsObjectsAndCollections) {
  const Target object = parse_target("/apis/networking.istio.io/v1beta1/namespaces/shop/virtualservices/api");
  ASSERT_EQ(object.what, What::kObjects);
  EXPECT_EQ(object.kind->kind, "VirtualService");
  EXPECT_EQ(object.api_version(), "networking.istio.io/v1beta1");
  EXPECT_EQ(object.key(), (store::ObjectKey{"virtualservices.networking.istio.io", "shop", "api"}));
  EXPECT_EQ(object.subresource, "");

  const Target all = parse_target("/api/v1/services");
  ASSERT_EQ(all.what, What::kObjects);
  EXPECT_EQ(all.kind->kind, "Service");
  EXPECT_EQ(all.ns + all.name, "");
  EXPECT_EQ(parse_target("/apis/apps/v1/namespaces/shop/deployments/").ns, "shop");
}

TEST(Target, ReadsSubresources) {
  EXPECT_EQ(parse_target("/apis/flagger.app/v1beta1/namespaces/a/canaries/b/status").subresource, "status");
  EXPECT_EQ(parse_target("/apis/flagger.app/v1beta1/namespaces/a/canaries/b/scale").what, What::kUnknown);
  EXPECT_EQ(parse_target("/api/v1/namespaces/a/configmaps/b/status").what, What::kUnknown);
  EXPECT_EQ(parse_target("/apis/flagger.app/v1beta1/namespaces/a/canaries/b/status/c").what, What::kUnknown);
}

TEST(Target, TellsNamespacesFromWhatIsInThem) {
  const Target all = parse_target("/api/v1/namespaces");
  EXPECT_EQ(all.kind->kind, "Namespace");
  EXPECT_EQ(all.name, "");
  const Target one = parse_target("/api/v1/namespaces/shop");
  EXPECT_EQ(one.kind->kind, "Namespace");
  EXPECT_EQ(one.name, "shop");
  EXPECT_EQ(one.ns, "");
  EXPECT_EQ(parse_target("/api/v1/namespaces/shop/status").subresource, "status");
  EXPECT_EQ(parse_target("/api/v1/namespaces/shop/services").kind->kind, "Service");
}

TEST(Target, ReadsDiscoveryAndOpenApi) {
  EXPECT_EQ(parse_target("/").what, What::kPaths);
  EXPECT_EQ(parse_target("/version").what, What::kVersion);
  EXPECT_EQ(parse_target("/readyz").what, What::kHealth);
  EXPECT_EQ(parse_target("/api").what, What::kCore);
  EXPECT_EQ(parse_target("/apis").what, What::kGroups);
  EXPECT_EQ(parse_target("/apis/apps").what, What::kGroup);
  EXPECT_EQ(parse_target("/apis/networking.istio.io/v1alpha3").what, What::kResources);
  EXPECT_EQ(parse_target("/api/v1").what, What::kResources);
  EXPECT_EQ(parse_target("/openapi/v3/apis/apps/v1").rest, "/v3/apis/apps/v1");
}

TEST(Target, KnowsNothingElse) {
  for (const char* path :
       {"/apis/networking.istio.io/v2/virtualservices", "/apis/nobody", "/apis/nobody/v1", "/api/v2",
        "/api/v1/pods", "/api/v1/services/web", "/api/v1/namespaces/a/namespaces/b",
        "/apis/apps/v1/namespaces/a/deployments/b/c/d", "/versions", "/healthz/x",
        "/apis/apps/v1/deployments/web", "/api/v1/namespaces/a/b/c/d/e/f"}) {
    EXPECT_EQ(parse_target(path).what, What::kUnknown) << path;
  }
}

TEST(Target, DecodesAfterSplitting) {
  EXPECT_EQ(parse_target("/api/v1/namespaces/a/services/b%2Fc").name, "b/c");
  EXPECT_EQ(parse_target("/api/v1/namespaces/a/services/b+c").name, "b+c");
}

}  // namespace
}  // namespace remora::kube

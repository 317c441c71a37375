#include "inject/manifest.h"

#include <gtest/gtest.h>

#include "inject/workloads.h"
#include "unit/inject/pods.h"

namespace remora::inject {
namespace {

constexpr const char* kTemplate =
    "template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: app, image: 'web:1'}]}\n";

std::string deployment(const std::string& kind = "Deployment") {
  return "apiVersion: apps/v1\nkind: " + kind + "\nmetadata: {name: web}\nspec:\n  " + kTemplate;
}

InjectedManifest injected(const std::string& text) {
  auto out = inject_manifest(text, {}, "");
  EXPECT_TRUE(out.ok()) << (out.ok() ? "" : out.error().message);
  return out.ok() ? std::move(*out) : InjectedManifest{};
}

TEST(Manifest, DocumentsWithoutPodsStayByteForByte) {
  const std::string service = "# who\nkind:   Service\nmetadata: {name: web}   # odd\n";
  const std::string config = "kind: ConfigMap\ndata:\n  a: |\n    --- not a separator\n";
  const auto out = injected(service + "---\n" + deployment() + "--- # next\n" + config);
  EXPECT_TRUE(out.text.starts_with(service + "---\n"));
  EXPECT_TRUE(out.text.ends_with("--- # next\n" + config));
  EXPECT_NE(out.text.find("name: istio-proxy"), std::string::npos);
}

TEST(Manifest, BootstrapIsReadable) {
  const auto out = injected(deployment());
  EXPECT_NE(out.text.find("- \"--config-yaml\"\n        - |\n          node:\n"), std::string::npos)
      << out.text;
}

TEST(Manifest, TwiceIsOnce) {
  const std::string once = injected(deployment()).text;
  const auto twice = injected(once);
  EXPECT_EQ(twice.text, once);
  ASSERT_EQ(twice.notes.size(), 1U);
  EXPECT_EQ(twice.notes.front(), "Deployment/web: is left as it is: it has a sidecar already");
}

TEST(Manifest, EveryKindThatMakesPods) {
  for (const char* kind :
       {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"}) {
    EXPECT_NE(injected(deployment(kind)).text.find("istio-proxy"), std::string::npos) << kind;
  }
  const std::string pod =
      "kind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: app, image: 'web:1'}]}\n";
  EXPECT_NE(injected(pod).text.find("istio-proxy"), std::string::npos);
  const std::string cron =
      "kind: CronJob\nmetadata: {name: a}\nspec:\n jobTemplate:\n  spec:\n   template:\n"
      "    spec: {containers: [{name: app, image: 'web:1'}]}\n";
  EXPECT_NE(injected(cron).text.find("istio-proxy"), std::string::npos);
  const auto list = injected("kind: List\nitems:\n- kind: Service\n- " +
                             std::string("{kind: Pod, metadata: {name: a}, spec: {containers: []}}\n"));
  EXPECT_NE(list.text.find("istio-proxy"), std::string::npos);
  EXPECT_NE(list.text.find("kind: Service"), std::string::npos);
}

TEST(Manifest, ErrorsSayWhere) {
  const auto syntax = inject_manifest("kind: A\n---\nkind: B\n  x: [\n", {}, "");
  ASSERT_FALSE(syntax.ok());
  EXPECT_TRUE(syntax.error().message.starts_with("line 4: ")) << syntax.error().message;
  std::string bad = deployment();
  bad.replace(bad.find("{labels"), 1, "{annotations: {sidecar.istio.io/proxyMemory: lots}, ");
  const auto annotation = inject_manifest(bad, {}, "");
  ASSERT_FALSE(annotation.ok());
  EXPECT_EQ(annotation.error().message,
            "Deployment/web: sidecar.istio.io/proxyMemory: \"lots\" is no amount, as in 100m or 128Mi");
}

}  // namespace
}  // namespace remora::inject

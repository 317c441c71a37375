#include "inject/settings_file.h"

#include <gtest/gtest.h>

namespace remora::inject {
namespace {

std::string error_of(const std::string& yaml) {
  const auto read = read_settings(yaml, {});
  return read.ok() ? "" : read.error().message;
}

TEST(SettingsFile, NamesWhatIsToBeOtherwise) {
  Settings base;
  base.trust_domain = "mesh.example";
  const auto read = read_settings(
      "image: registry.example/remora:1\nresources: {requests: {cpu: 50m}, limits: {memory: 2Gi}}\n"
      "interception: {excludeOutboundPorts: '3306,6379'}\nreadiness: {periodSeconds: 3}\n"
      "nativeSidecar: false\nterminationDrainDuration: 20s\nconcurrency: 4\n",
      base);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->image, "registry.example/remora:1");
  EXPECT_EQ(read->resources.cpu, "50m");
  EXPECT_EQ(read->resources.memory, "128Mi");
  EXPECT_EQ(read->resources.memory_limit, "2Gi");
  EXPECT_EQ(read->capture.exclude_outbound_ports, "3306,6379");
  EXPECT_EQ(read->readiness.period_seconds, 3);
  EXPECT_FALSE(read->native_sidecar);
  EXPECT_EQ(read->drain.count(), 20);
  EXPECT_EQ(read->concurrency, 4);
  EXPECT_EQ(read->trust_domain, "mesh.example");
}

TEST(SettingsFile, AnEmptyOneChangesNothing) {
  EXPECT_EQ(error_of(""), "");
  EXPECT_EQ(error_of("  # image: x\n\n# that was all"), "");
  EXPECT_EQ(error_of("resources:\n"), "");
}

TEST(SettingsFile, FaultsAreNamedByTheirPath) {
  EXPECT_EQ(error_of("imege: x\n"), "imege: there is no such setting");
  EXPECT_EQ(error_of("resources: {request: {cpu: 1}}\n"), "resources.request: there is no such setting");
  EXPECT_EQ(error_of("resources: {requests: {cpu: 1}}\n"), "resources.requests.cpu: 1 is not a string");
  EXPECT_EQ(error_of("resources: {requests: {cpu: lots}}\n"),
            "resources: \"lots\" is no amount, as in 100m or 128Mi");
  EXPECT_EQ(error_of("resources: plenty\n"), "resources: is no map");
  EXPECT_EQ(error_of("nativeSidecar: 'no'\n"), "nativeSidecar: \"no\" is not true or false");
  EXPECT_EQ(error_of("concurrency: -1\n"), "concurrency: -1 is not a number from 0 to 86400");
  EXPECT_EQ(error_of("- image\n"), "is no map");
  EXPECT_EQ(error_of("discoveryAddress: here\n"), "discovery address: \"here\" is not HOST:PORT");
}

}  // namespace
}  // namespace remora::inject

#include "inject/probes.h"

#include <gtest/gtest.h>

#include "unit/inject/pods.h"

namespace remora::inject {
namespace {

using testing::at;
using testing::pod;
using testing::text_at;
using Kind = AppProbe::Kind;

struct Rewritten {
  boost::json::object spec;
  std::vector<AppProbe> probes;
};

Rewritten rewritten(const std::string& container) {
  Rewritten out{pod("", container)["spec"].as_object(), {}};
  auto probes = rewrite_probes(out.spec, "istio-proxy");
  EXPECT_TRUE(probes.ok());
  if (probes.ok()) out.probes = std::move(*probes);
  return out;
}

TEST(Probes, HttpAsksTheSidecarAndKeepsItsHeaders) {
  const auto out = rewritten(
      "    livenessProbe:\n      timeoutSeconds: 3\n"
      "      httpGet: {port: http, path: '/live?full=1', httpHeaders: [{name: X, value: y}]}\n");
  ASSERT_EQ(out.probes.size(), 1U);
  EXPECT_EQ(out.probes[0].kind, Kind::kHttp);
  EXPECT_EQ(out.probes[0].port, 8080);
  EXPECT_EQ(out.probes[0].path, "/live?full=1");
  EXPECT_EQ(out.probes[0].timeout_seconds, 3);
  const std::string get = "/containers/0/livenessProbe/httpGet";
  EXPECT_EQ(text_at(out.spec, get + "/path"), "/app-health/app/livez");
  EXPECT_EQ(at(out.spec, get + "/port"), 15020);
  EXPECT_EQ(text_at(out.spec, get + "/httpHeaders/0/value"), "y");
}

TEST(Probes, HttpsIsAskedInPlainTextByKubeletAndOverTlsByTheSidecar) {
  const auto out = rewritten("    readinessProbe: {httpGet: {port: 8443, scheme: HTTPS}}\n");
  ASSERT_EQ(out.probes.size(), 1U);
  EXPECT_EQ(out.probes[0].kind, Kind::kHttps);
  EXPECT_EQ(out.probes[0].path, "/");
  EXPECT_TRUE(at(out.spec, "/containers/0/readinessProbe/httpGet/scheme").is_null());
}

TEST(Probes, GrpcGoesOnSpeakingGrpcToAPortOfItsOwn) {
  const auto out = rewritten(
      "    livenessProbe: {grpc: {port: 9000, service: a}}\n"
      "    readinessProbe: {grpc: {port: 9000}}\n    startupProbe: {grpc: {port: 9001}}\n");
  ASSERT_EQ(out.probes.size(), 2U) << "probes of one port share its stand-in";
  EXPECT_EQ(at(out.spec, "/containers/0/livenessProbe/grpc/port"), 15031);
  EXPECT_EQ(text_at(out.spec, "/containers/0/livenessProbe/grpc/service"), "a");
  EXPECT_EQ(at(out.spec, "/containers/0/readinessProbe/grpc/port"), 15031);
  EXPECT_EQ(at(out.spec, "/containers/0/startupProbe/grpc/port"), 15032);
}

TEST(Probes, WhetherAConnectionWouldBeAcceptedIsAskedByHttp) {
  const auto out = rewritten(
      "    livenessProbe: {tcpSocket: {port: http}, timeoutSeconds: 2, periodSeconds: 7}\n"
      "    readinessProbe: {tcpSocket: {port: 15021}}\n");
  ASSERT_EQ(out.probes.size(), 1U) << "the sidecar's own port is asked as it is";
  EXPECT_EQ(out.probes[0].kind, Kind::kTcp);
  EXPECT_EQ(out.probes[0].port, 8080);
  EXPECT_EQ(out.probes[0].timeout_seconds, 2);
  EXPECT_EQ(text_at(out.spec, "/containers/0/livenessProbe/httpGet/path"), "/app-health/app/livez");
  EXPECT_EQ(at(out.spec, "/containers/0/livenessProbe/httpGet/port"), 15020);
  EXPECT_EQ(at(out.spec, "/containers/0/livenessProbe/periodSeconds"), 7);
  EXPECT_TRUE(at(out.spec, "/containers/0/livenessProbe/tcpSocket").is_null());
}

TEST(Probes, HooksAreQuestionsToo) {
  const auto out = rewritten("    lifecycle: {preStop: {httpGet: {port: 8080, path: /stop}}}\n");
  ASSERT_EQ(out.probes.size(), 1U);
  EXPECT_EQ(out.probes[0].where, "/app-lifecycle/app/prestopz");
}

TEST(Probes, CommandsAndOtherHostsStayAsTheyAre) {
  const auto out = rewritten(
      "    livenessProbe: {exec: {command: [ls]}}\n"
      "    startupProbe: {tcpSocket: {port: 80, host: b.example}}\n"
      "    readinessProbe: {httpGet: {port: 80, host: a.example}}\n"
      "    lifecycle: {preStop: {tcpSocket: {port: 80}}}\n");
  EXPECT_TRUE(out.probes.empty());
  EXPECT_EQ(text_at(out.spec, "/containers/0/readinessProbe/httpGet/host"), "a.example");
}

}  // namespace
}  // namespace remora::inject

#include "inject/injector.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "unit/inject/pods.h"

namespace remora::inject {
namespace {

namespace json = boost::json;
using testing::at;
using testing::object;
using testing::pod;
using testing::text_at;

Settings mesh() {
  Settings settings;
  settings.root_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  return settings;
}

json::object injected(const json::object& pod, const Settings& settings = mesh()) {
  const auto result = inject_pod(pod, settings, {});
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  EXPECT_TRUE(result.ok() && result->changed) << (result.ok() ? result->reason : "");
  return result.ok() ? result->pod : json::object{};
}

std::string refusal(const json::object& pod) {
  const auto result = inject_pod(pod, mesh(), {});
  EXPECT_FALSE(result.ok());
  return result.ok() ? "" : result.error().message;
}

/// The bootstrap in the sidecar's arguments.
json::object bootstrap(const json::object& pod, const std::string& where = "/spec/initContainers/1") {
  return object(text_at(pod, where + "/args/1"));
}

std::string annotated(const std::string& name, const std::string& value) {
  return "  annotations: {" + name + ": '" + value + "'}\n";
}

TEST(Injector, NativeSidecarComesBeforeThePodsOwnInitContainers) {
  const auto out = injected(pod("", "", "  initContainers:\n  - {name: migrate, image: m:1}\n"));
  EXPECT_EQ(text_at(out, "/spec/initContainers/0/name"), "istio-init");
  EXPECT_EQ(text_at(out, "/spec/initContainers/1/name"), "istio-proxy");
  EXPECT_EQ(text_at(out, "/spec/initContainers/1/restartPolicy"), "Always");
  EXPECT_EQ(text_at(out, "/spec/initContainers/2/name"), "migrate");
  EXPECT_EQ(at(out, "/spec/initContainers/1/startupProbe/httpGet/port"), 15021);
  EXPECT_EQ(at(out, "/spec/containers").as_array().size(), 1U);
}

TEST(Injector, ContainerComesBehindThePodsOwn) {
  Settings settings = mesh();
  settings.native_sidecar = false;
  const auto out = injected(pod("", "", "  initContainers:\n  - {name: migrate, image: m:1}\n"), settings);
  EXPECT_EQ(text_at(out, "/spec/initContainers/0/name"), "migrate");
  EXPECT_EQ(text_at(out, "/spec/initContainers/1/name"), "istio-init");
  EXPECT_EQ(text_at(out, "/spec/containers/1/name"), "istio-proxy");
  EXPECT_TRUE(at(out, "/spec/containers/1/lifecycle").is_null());
}

TEST(Injector, ContainerHoldsTheApplicationBackInItsFirstHook) {
  Settings settings = mesh();
  settings.native_sidecar = false;
  const auto out =
      injected(pod(annotated("proxy.istio.io/config", "holdApplicationUntilProxyStarts: true")), settings);
  EXPECT_EQ(text_at(out, "/spec/containers/0/name"), "istio-proxy") << "containers start in their order";
  EXPECT_EQ(json::serialize(at(out, "/spec/containers/0/lifecycle")),
            R"({"postStart":{"exec":{"command":["remora","wait"]}}})");
  EXPECT_EQ(text_at(out, "/metadata/annotations/kubectl.kubernetes.io~1default-container"), "app");
  settings.address_family = "ipv6";
  settings.hold_application = true;
  EXPECT_EQ(text_at(injected(pod(), settings), "/spec/containers/0/lifecycle/postStart/exec/command/3"),
            "http://[::1]:15021/healthz/ready");
}

TEST(Injector, NativeSidecarHearsOfThePodsEndByItsHook) {
  const auto out = injected(pod());
  EXPECT_EQ(json::serialize(at(out, "/spec/initContainers/1/lifecycle")),
            R"({"preStop":{"exec":{"command":["remora","drain"]}}})");
}

/// The sidecar's arguments about its end.
std::string end_of(const json::object& out, const std::string& where) {
  std::string text;
  const auto arguments = at(out, where + "/args").as_array();
  for (size_t i = 0; i + 1 < arguments.size(); ++i) {
    const std::string word(arguments[i].as_string());
    if (word.find("drain") == std::string::npos || !word.starts_with("--")) continue;
    text += word + ' ' + std::string(arguments[i + 1].as_string()) + ' ';
  }
  return text;
}

TEST(Injector, SidecarEndsAfterTheApplicationAndBeforeThePod) {
  const std::string native = "/spec/initContainers/1";
  EXPECT_EQ(end_of(injected(pod()), native), "--drain-order inbound-first --drain-time-s 28 ");
  EXPECT_EQ(end_of(injected(pod("", "", "  terminationGracePeriodSeconds: 120\n")), native),
            "--drain-order inbound-first --drain-time-s 118 ");
  EXPECT_EQ(end_of(injected(pod("", "", "  terminationGracePeriodSeconds: 1\n")), native),
            "--drain-order inbound-first --drain-time-s 1 ");
  EXPECT_EQ(
      end_of(injected(pod(annotated("proxy.istio.io/config", "terminationDrainDuration: 12s"))), native),
      "--drain-order inbound-first --drain-time-s 12 ");
}

TEST(Injector, ContainerEndsByIstiosRules) {
  Settings settings = mesh();
  settings.native_sidecar = false;
  const auto end = [&](const std::string& config) {
    return end_of(injected(pod(annotated("proxy.istio.io/config", config)), settings), "/spec/containers/1");
  };
  EXPECT_EQ(end("{}"), "--drain-order inbound-first --drain-time-s 28 --minimum-drain-time-s 5 ");
  EXPECT_EQ(end("terminationDrainDuration: 20s"),
            "--drain-order inbound-first --drain-time-s 20 --minimum-drain-time-s 20 ");
  EXPECT_EQ(
      end("{terminationDrainDuration: 20s, proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: \"true\"}}"),
      "--drain-order inbound-first --drain-time-s 28 --minimum-drain-time-s 5 ");
  EXPECT_EQ(end("{proxyMetadata: {MINIMUM_DRAIN_DURATION: 9s}}"),
            "--drain-order inbound-first --drain-time-s 28 --minimum-drain-time-s 9 ");
}

TEST(Injector, ProxyMetadataIsUnderstoodOrSaidNotToBe) {
  EXPECT_EQ(
      refusal(pod(annotated("proxy.istio.io/config", "{proxyMetadata: {MINIMUM_DRAIN_DURATION: long}}"))),
      "proxy.istio.io/config: proxyMetadata.MINIMUM_DRAIN_DURATION: \"long\" is no duration");
  const auto result = inject_pod(
      pod(annotated("proxy.istio.io/config", "{proxyMetadata: {ISTIO_META_DNS_CAPTURE: \"true\"}}")), mesh(),
      {});
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->warnings.size(), 1U);
  EXPECT_EQ(
      result->warnings[0],
      "proxy.istio.io/config: proxyMetadata.ISTIO_META_DNS_CAPTURE: is not implemented and has no effect");
}

TEST(Injector, AnUnconfiguredSidecarIsNeverReady) {
  const auto config = bootstrap(injected(pod()));
  EXPECT_EQ(text_at(config, "/dynamic_resources/lds_config/initial_fetch_timeout"), "0s");
  EXPECT_EQ(text_at(config, "/dynamic_resources/cds_config/initial_fetch_timeout"), "0s");
}

/// Where port 15020 leads a path.
std::string led(const json::object& config, const std::string& path) {
  const json::value listeners = at(config, "/static_resources/listeners");
  for (const json::value& listener : listeners.as_array()) {
    if (listener.at("name") != "probes") continue;
    const std::string routes = "/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes";
    const json::value rules = at(listener.as_object(), routes);
    for (const json::value& route : rules.as_array()) {
      if (route.at("match").at("path") != json::value(path)) continue;
      return text_at(route.at("route").as_object(), "/cluster") + ' ' +
             text_at(route.at("route").as_object(), "/prefix_rewrite");
    }
  }
  return "nowhere";
}

TEST(Injector, MetricsOfApplicationAndSidecarAreOne) {
  const auto out =
      injected(pod("  annotations: {prometheus.io/port: '9102', prometheus.io/path: '/m?a=b&c'}\n"));
  EXPECT_EQ(text_at(out, "/metadata/annotations/prometheus.io~1scrape"), "true");
  EXPECT_EQ(text_at(out, "/metadata/annotations/prometheus.io~1port"), "15020");
  EXPECT_EQ(text_at(out, "/metadata/annotations/prometheus.io~1path"), "/stats/prometheus");
  EXPECT_EQ(
      led(bootstrap(out), "/stats/prometheus"),
      "admin /application/metrics?host=$(INSTANCE_IP)&port=9102&source=127.0.0.6&path=%2Fm%3Fa%3Db%26c&=");
  const auto plain = injected(pod());
  EXPECT_EQ(text_at(plain, "/metadata/annotations/prometheus.io~1port"), "15020");
  EXPECT_EQ(led(bootstrap(plain), "/stats/prometheus"), "admin /stats/prometheus") << "it has none";
  const auto defaults = injected(pod("  annotations: {prometheus.io/scrape: 'true'}\n"));
  EXPECT_NE(led(bootstrap(defaults), "/stats/prometheus").find("port=80&source=127.0.0.6&path=%2Fmetrics"),
            std::string::npos);
}

TEST(Injector, TcpProbesAreAnsweredByOneWhoConnects) {
  const auto out = injected(pod("", "    livenessProbe: {tcpSocket: {port: http}, timeoutSeconds: 2}\n"));
  EXPECT_EQ(led(bootstrap(out), "/app-health/app/livez"),
            "admin /application/connect?host=$(INSTANCE_IP)&port=8080&source=127.0.0.6&timeout_ms=2000&=");
}

TEST(Injector, PodsThatAreNotScrapedStaySo) {
  for (const char* annotations : {"{prometheus.io/scrape: 'false', prometheus.io/port: '9102'}",
                                  "{prometheus.istio.io/merge-metrics: 'false', prometheus.io/port: '9102'}",
                                  "{prometheus.io/scheme: https, prometheus.io/port: '9102'}"}) {
    const auto result = inject_pod(pod("  annotations: " + std::string(annotations) + "\n"), mesh(), {});
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(text_at(result->pod, "/metadata/annotations/prometheus.io~1port"), "9102") << annotations;
    EXPECT_EQ(led(bootstrap(result->pod), "/stats/prometheus"), "admin /stats/prometheus") << annotations;
    const bool https = std::string(annotations).find("https") != std::string::npos;
    EXPECT_EQ(result->warnings.size(), https ? 1U : 0U) << "what is left out is named";
  }
  EXPECT_EQ(refusal(pod("  annotations: {prometheus.io/port: web}\n")),
            "prometheus.io/port: \"web\" is no port");
}

TEST(Injector, TcpProbesThatStayAreSaidToMeanNothing) {
  const auto result = inject_pod(pod(annotated("sidecar.istio.io/rewriteAppHTTPProbers", "false"),
                                     "    livenessProbe: {tcpSocket: {port: 80}}\n"),
                                 mesh(), {});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(at(result->pod, "/spec/containers/0/livenessProbe/tcpSocket/port"), 80);
  ASSERT_EQ(result->warnings.size(), 1U);
  EXPECT_TRUE(result->warnings[0].starts_with("container app: livenessProbe: tcpSocket:"));
}

TEST(Injector, SidecarHasTheLeastRights) {
  const auto out = injected(pod());
  const std::string rights = "/spec/initContainers/1/securityContext";
  EXPECT_EQ(at(out, rights + "/runAsUser"), 1337);
  EXPECT_EQ(at(out, rights + "/readOnlyRootFilesystem"), true);
  EXPECT_EQ(at(out, rights + "/allowPrivilegeEscalation"), false);
  EXPECT_EQ(json::serialize(at(out, rights + "/capabilities")), R"({"drop":["ALL"]})");
  EXPECT_EQ(json::serialize(at(out, "/spec/initContainers/0/securityContext/capabilities/add")),
            R"(["NET_ADMIN","NET_RAW"])");
}

TEST(Injector, ProvesItselfWithATokenForTheMeshOnly) {
  const auto out = injected(pod());
  const std::string token = "/spec/volumes/0/projected/sources/0/serviceAccountToken";
  EXPECT_EQ(text_at(out, token + "/audience"), "istio-ca");
  EXPECT_EQ(text_at(out, "/spec/initContainers/1/volumeMounts/0/mountPath"), "/var/run/secrets/tokens");
  const auto config = bootstrap(out);
  EXPECT_EQ(text_at(config, "/dynamic_resources/ads_config/grpc_services/0/initial_metadata/0/value"),
            "Bearer %FILE_CONTENT(/var/run/secrets/tokens/istio-token)%");
  const std::string tls = "/static_resources/clusters/0/transport_socket/typed_config/common_tls_context";
  EXPECT_EQ(text_at(config, tls + "/validation_context/trusted_ca/inline_string"), mesh().root_certificate);
  EXPECT_EQ(text_at(config, tls + "/validation_context/match_typed_subject_alt_names/0/matcher/exact"),
            "spiffe://cluster.local/ns/istio-system/sa/remora-control");
}

TEST(Injector, NodeIsWhatKubeletKnowsWhenThePodStarts) {
  auto made = pod("  generateName: web-5d7f-\n  ownerReferences: [{kind: ReplicaSet, name: web-5d7f}]\n");
  made["metadata"].as_object()["labels"].as_object()["pod-template-hash"] = "5d7f";
  const auto config = bootstrap(injected(made));
  EXPECT_EQ(text_at(config, "/node/id"),
            "sidecar~$(INSTANCE_IP)~$(POD_NAME).$(POD_NAMESPACE)~$(POD_NAMESPACE).svc.cluster.local");
  EXPECT_EQ(text_at(config, "/node/metadata/WORKLOAD_NAME"), "web");
  EXPECT_EQ(text_at(config, "/node/metadata/INTERCEPTION_MODE"), "REDIRECT");
  EXPECT_EQ(text_at(config, "/node/metadata/LABELS/app"), "web");
}

TEST(Injector, RedirectsWhatTheAnnotationsSay) {
  const auto out =
      injected(pod("  annotations:\n"
                   "    traffic.sidecar.istio.io/includeOutboundIPRanges: 10.0.0.0/8\n"
                   "    traffic.sidecar.istio.io/excludeInboundPorts: '9000,9001'\n"
                   "    traffic.sidecar.istio.io/excludeOutboundPorts: '3306'\n"
                   "    traffic.sidecar.istio.io/excludeInterfaces: eth1\n"));
  EXPECT_EQ(
      json::serialize(at(out, "/spec/initContainers/0/command")),
      R"(["remoractl","iptables","-p","15001","-z","15006","-u","1337","-m","REDIRECT",)"
      R"("-i","10.0.0.0/8","-x","","-b","*","-d","15090,15021,15020,9000,9001","-o","3306","-c","eth1"])");
}

TEST(Injector, WithoutInterceptionThereIsNoInitContainer) {
  const auto out = injected(pod(annotated("sidecar.istio.io/interceptionMode", "NONE")));
  EXPECT_EQ(text_at(out, "/spec/initContainers/0/name"), "istio-proxy");
  EXPECT_EQ(text_at(bootstrap(out, "/spec/initContainers/0"), "/node/metadata/INTERCEPTION_MODE"), "NONE");
}

TEST(Injector, ResourcesAreTheMeshsOrThePods) {
  EXPECT_EQ(json::serialize(at(injected(pod()), "/spec/initContainers/1/resources")),
            R"({"limits":{"cpu":"2","memory":"1Gi"},"requests":{"cpu":"100m","memory":"128Mi"}})");
  const auto out = injected(pod(annotated("sidecar.istio.io/proxyCPU", "250m")));
  EXPECT_EQ(json::serialize(at(out, "/spec/initContainers/1/resources")), R"({"requests":{"cpu":"250m"}})");
}

TEST(Injector, ContainerOfOurNameSaysWhatTheSidecarIsLike) {
  const auto out = injected(pod("",
                                "  - name: istio-proxy\n    image: auto\n    env: [{name: A, value: b}]\n"
                                "    resources: {requests: {cpu: 1}}\n"));
  EXPECT_EQ(at(out, "/spec/containers").as_array().size(), 1U);
  EXPECT_EQ(text_at(out, "/spec/initContainers/1/image"), "remora:0.1.0");
  EXPECT_EQ(at(out, "/spec/initContainers/1/resources/requests/cpu"), 1);
  EXPECT_EQ(text_at(out, "/spec/initContainers/1/resources/requests/memory"), "128Mi");
  EXPECT_EQ(text_at(out, "/spec/initContainers/1/env/5/value"), "b");
}

TEST(Injector, UserVolumesAreMounted) {
  const auto out =
      injected(pod("  annotations:\n"
                   "    sidecar.istio.io/userVolume: '{\"certs\":{\"secret\":{\"secretName\":\"s\"}}}'\n"
                   "    sidecar.istio.io/userVolumeMount: '{\"certs\":{\"mountPath\":\"/certs\"}}'\n"));
  EXPECT_EQ(text_at(out, "/spec/volumes/1/secret/secretName"), "s");
  EXPECT_EQ(text_at(out, "/spec/initContainers/1/volumeMounts/1/mountPath"), "/certs");
}

TEST(Injector, LabelsAndAnnotationsTellOthers) {
  const auto out = injected(pod());
  EXPECT_EQ(text_at(out, "/metadata/labels/security.istio.io~1tlsMode"), "istio");
  EXPECT_EQ(text_at(out, "/metadata/labels/service.istio.io~1canonical-name"), "web");
  EXPECT_EQ(text_at(out, "/metadata/annotations/kubectl.kubernetes.io~1default-container"), "app");
  EXPECT_EQ(text_at(out, "/metadata/annotations/prometheus.io~1port"), "15020");
  EXPECT_EQ(text_at(out, "/metadata/annotations/sidecar.istio.io~1status"),
            R"({"initContainers":["istio-init","istio-proxy"],"containers":[],)"
            R"("volumes":["istio-token"],"revision":"default"})");
}

TEST(Injector, TwiceIsOnce) {
  const auto once = injected(pod());
  const auto twice = inject_pod(once, mesh(), {});
  ASSERT_TRUE(twice.ok());
  EXPECT_FALSE(twice->changed);
  EXPECT_EQ(twice->pod, once);
}

TEST(Injector, LeavesAlone) {
  const auto reason = [](const json::object& pod) {
    const auto result = inject_pod(pod, mesh(), {});
    EXPECT_TRUE(result.ok() && !result->changed && result->pod == pod);
    return result.ok() ? result->reason : result.error().message;
  };
  EXPECT_EQ(reason(pod("", "", "  hostNetwork: true\n")),
            "hostNetwork: it has its host's network, where nothing can be redirected");
  EXPECT_EQ(reason(pod(annotated("sidecar.istio.io/inject", "false"))), "sidecar.istio.io/inject is false");
  auto labelled = pod(annotated("sidecar.istio.io/inject", "true"));
  labelled["metadata"].as_object()["labels"].as_object()["sidecar.istio.io/inject"] = "false";
  EXPECT_EQ(reason(labelled), "sidecar.istio.io/inject is false") << "the label counts before the annotation";
}

TEST(Injector, RefusesWhatMakesNoSense) {
  EXPECT_EQ(refusal(pod(annotated("sidecar.istio.io/proxyCPU", "much"))),
            "sidecar.istio.io/proxyCPU: \"much\" is no amount, as in 100m or 128Mi");
  EXPECT_EQ(refusal(pod(annotated("sidecar.istio.io/interceptionMode", "MAGIC"))),
            "annotations: interception mode: \"MAGIC\" is none of REDIRECT, TPROXY and NONE");
  EXPECT_EQ(refusal(pod(annotated("proxy.istio.io/config", "concurrency: many"))),
            "proxy.istio.io/config: concurrency: \"many\" is no number of threads");
  EXPECT_EQ(refusal(pod(annotated("proxy.istio.io/config", "a: ["))).substr(0, 30),
            "proxy.istio.io/config: line 1:");
  EXPECT_EQ(refusal(pod("", "    readinessProbe: {httpGet: {port: web}}\n")),
            "container app: readinessProbe: the container has no port called \"web\"");
}

TEST(Injector, SaysWhatHasNoEffect) {
  const auto result = inject_pod(pod("  annotations:\n    sidecar.istio.io/enableCoreDump: 'true'\n"
                                     "    proxy.istio.io/config: 'statsdUdpAddress: x'\n"),
                                 mesh(), {});
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->warnings.size(), 2U);
  EXPECT_EQ(result->warnings[0],
            "proxy.istio.io/config: statsdUdpAddress: is not implemented and has no effect");
  EXPECT_EQ(result->warnings[1], "sidecar.istio.io/enableCoreDump: is not implemented and has no effect");
}

}  // namespace
}  // namespace remora::inject

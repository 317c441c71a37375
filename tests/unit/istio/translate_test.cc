// What the mesh becomes for Envoy, compared as protos.
#include "istio/build/translate.h"

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <set>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.pb.h"
#include "envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::route::v3::Route;
using envoy::config::route::v3::RouteConfiguration;

template <typename T>
::testing::AssertionResult is(const T& actual, const std::string& text) {
  T wanted;
  if (!google::protobuf::TextFormat::ParseFromString(text, &wanted)) {
    return ::testing::AssertionFailure() << "the expectation is no text proto";
  }
  google::protobuf::util::MessageDifferencer differencer;
  std::string difference;
  differencer.ReportDifferencesToString(&difference);
  if (differencer.Compare(wanted, actual)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << difference;
}

ProxyNode client() { return sidecar_at("127.0.9.1"); }

const std::string kHost = "myapp.default.svc.cluster.local";

Cluster cluster_of(const Registry& mesh, const std::string& subset = "") {
  const MeshService& service = *mesh.find_service(kHost);
  const MergedRule* rule = mesh.find_rule(kHost, "default");
  const ProxyNode node = client();
  const MeshView view(mesh, node);
  return build_outbound_cluster(
      {service, service.ports[0], rule, subset.empty() ? nullptr : rule->find_subset(subset), view});
}

/// The routes of a VirtualService with this http list, for port 8080.
std::vector<Route> routes_of(const std::string& http, const ProxyNode& node = client()) {
  const Registry mesh = registry(kMyapp + "---" + kSubsets + "---\n" + virtual_service(http));
  return build_routes(*mesh.virtual_services().at(0), 8080, MeshView(mesh, node));
}

const std::string kTo = "    route: [{destination: {host: myapp}}]\n";

TEST(Clusters, HaveIstiosDefaults) {
  EXPECT_TRUE(is(cluster_of(registry(kMyapp)), R"pb(
    name: "outbound|8080||myapp.default.svc.cluster.local"
    type: EDS
    eds_cluster_config {
      eds_config {
        ads {}
        initial_fetch_timeout {}
        resource_api_version: V3
      }
      service_name: "outbound|8080||myapp.default.svc.cluster.local"
    }
    connect_timeout { seconds: 10 }
    lb_policy: LEAST_REQUEST
    circuit_breakers {
      thresholds {
        max_connections { value: 4294967295 }
        max_pending_requests { value: 4294967295 }
        max_requests { value: 4294967295 }
        max_retries { value: 4294967295 }
      }
    }
    common_lb_config { healthy_panic_threshold {} }
    metadata {
      filter_metadata {
        key: "istio"
        value {
          fields {
            key: "services"
            value {
              list_value {
                values {
                  struct_value {
                    fields {
                      key: "host"
                      value { string_value: "myapp.default.svc.cluster.local" }
                    }
                    fields {
                      key: "name"
                      value { string_value: "myapp" }
                    }
                    fields {
                      key: "namespace"
                      value { string_value: "default" }
                    }
                  }
                }
              }
            }
          }
        }
      }
    })pb"));
}

/// The rule of the real istiod's example: what it made of it is in its configuration dump.
TEST(Clusters, TakeLimitsAndOutlierDetectionAsIstiodDoes) {
  const Cluster cluster = cluster_of(registry(kMyapp + "---\n" + destination_rule(R"(
  trafficPolicy:
    connectionPool:
      tcp: {maxConnections: 100}
      http: {http1MaxPendingRequests: 50, http2MaxRequests: 1000}
    outlierDetection: { consecutive5xxErrors: 5, interval: 30s, baseEjectionTime: 30s }
  subsets: [{name: v1, labels: {version: v1}}]
)")),
                                     "v1");
  EXPECT_EQ(cluster.name(), "outbound|8080|v1|myapp.default.svc.cluster.local");
  EXPECT_TRUE(is(cluster.circuit_breakers(), R"pb(
    thresholds {
      max_connections { value: 100 }
      max_pending_requests { value: 50 }
      max_requests { value: 1000 }
      max_retries { value: 4294967295 }
    })pb"));
  EXPECT_TRUE(is(cluster.outlier_detection(), R"pb(
    consecutive_5xx { value: 5 }
    enforcing_consecutive_5xx { value: 100 }
    enforcing_success_rate { value: 0 }
    interval { seconds: 30 }
    base_ejection_time { seconds: 30 })pb"));
  const auto& metadata = cluster.metadata().filter_metadata().at("istio").fields();
  EXPECT_EQ(metadata.at("config").string_value(),
            "/apis/networking.istio.io/v1/namespaces/default/destination-rule/myapp");
  EXPECT_EQ(metadata.at("subset").string_value(), "v1");
}

TEST(Clusters, TakeEveryOutlierSetting) {
  const Cluster cluster = cluster_of(registry(kMyapp + "---\n" + destination_rule(R"(
  trafficPolicy:
    outlierDetection: { consecutive5xxErrors: 0, consecutiveGatewayErrors: 3,
      splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 7, maxEjectionPercent: 50, minHealthPercent: 30 }
)")));
  EXPECT_TRUE(is(cluster.outlier_detection(), R"pb(
    consecutive_5xx { value: 0 }
    enforcing_consecutive_5xx { value: 0 }
    consecutive_gateway_failure { value: 3 }
    enforcing_consecutive_gateway_failure { value: 100 }
    split_external_local_origin_errors: true
    enforcing_local_origin_success_rate { value: 0 }
    consecutive_local_origin_failure { value: 7 }
    enforcing_consecutive_local_origin_failure { value: 100 }
    max_ejection_percent { value: 50 }
    enforcing_success_rate { value: 0 })pb"));
  EXPECT_DOUBLE_EQ(cluster.common_lb_config().healthy_panic_threshold().value(), 30);
}

TEST(Clusters, TakeHttpOptionsOnlyWhenAsked) {
  const Cluster cluster = cluster_of(registry(kMyapp + "---\n" + destination_rule(R"(
  trafficPolicy: {connectionPool: {http: {idleTimeout: 90s, maxRequestsPerConnection: 7}}}
)")));
  envoy::extensions::upstreams::http::v3::HttpProtocolOptions options;
  ASSERT_TRUE(cluster.typed_extension_protocol_options()
                  .at("envoy.extensions.upstreams.http.v3.HttpProtocolOptions")
                  .UnpackTo(&options));
  EXPECT_TRUE(is(options, R"pb(
    explicit_http_config { http_protocol_options {} }
    common_http_protocol_options {
      idle_timeout { seconds: 90 }
      max_requests_per_connection { value: 7 }
    })pb"));
}

TEST(Clusters, KeepConnectionsAliveAndLimitTheirAge) {
  const Cluster cluster = cluster_of(registry(kMyapp + "---\n" + destination_rule(R"(
  trafficPolicy: {connectionPool: {tcp: {maxConnectionDuration: 1h, tcpKeepalive: {probes: 3, time: 60s, interval: 5s}}}}
)")));
  EXPECT_TRUE(is(cluster.upstream_connection_options(), R"pb(
    tcp_keepalive {
      keepalive_probes { value: 3 }
      keepalive_time { value: 60 }
      keepalive_interval { value: 5 }
    })pb"));
  envoy::extensions::upstreams::http::v3::HttpProtocolOptions options;
  ASSERT_TRUE(cluster.typed_extension_protocol_options()
                  .at("envoy.extensions.upstreams.http.v3.HttpProtocolOptions")
                  .UnpackTo(&options));
  EXPECT_EQ(options.common_http_protocol_options().max_connection_duration().seconds(), 3600);
}

TEST(Clusters, HaveARetryBudgetWhereTheRuleHasOne) {
  const auto budget = [](const std::string& policies, const std::string& subset = "") {
    const Cluster cluster =
        cluster_of(registry(kMyapp + "---\n" + destination_rule(policies)), subset.c_str());
    const auto& thresholds = cluster.circuit_breakers().thresholds(0);
    if (!thresholds.has_retry_budget()) return std::string("none");
    return std::to_string(static_cast<int>(thresholds.retry_budget().budget_percent().value())) + "% " +
           std::to_string(thresholds.retry_budget().min_retry_concurrency().value());
  };
  EXPECT_EQ(budget("  trafficPolicy: {loadBalancer: {simple: RANDOM}}\n"), "none");
  EXPECT_EQ(budget("  trafficPolicy: {retryBudget: {}}\n"), "20% 3");
  const std::string own = R"(
  trafficPolicy:
    retryBudget: {percent: 30, minRetryConcurrency: 0}
    portLevelSettings: [{port: {number: 8080}, loadBalancer: {simple: ROUND_ROBIN}}]
  subsets: [{name: v1, labels: {version: v1}, trafficPolicy: {retryBudget: {percent: 40}}}]
)";
  EXPECT_EQ(budget(own), "30% 0") << "settings of a port do not take it away";
  EXPECT_EQ(budget(own, "v1"), "40% 3");
}

TEST(Policies, OfAPortReplaceAndOfASubsetOverride) {
  const Registry mesh = registry(kMyapp + "---\n" + destination_rule(R"(
  trafficPolicy:
    loadBalancer: {simple: RANDOM}
    connectionPool: {tcp: {maxConnections: 1}}
    portLevelSettings: [{port: {number: 8080}, loadBalancer: {simple: ROUND_ROBIN}}]
  subsets:
  - name: v1
    trafficPolicy: {connectionPool: {tcp: {maxConnections: 9}}}
)"));
  const MergedRule* rule = mesh.find_rule(kHost, "default");
  const PolicySettings other = effective_policy(rule, nullptr, 80);
  EXPECT_EQ(other.load_balancer, LoadBalancer::kRandom);
  EXPECT_EQ(other.connection_pool->max_connections, 1U);
  const PolicySettings port = effective_policy(rule, nullptr, 8080);
  EXPECT_EQ(port.load_balancer, LoadBalancer::kRoundRobin);
  EXPECT_FALSE(port.connection_pool.has_value());
  const PolicySettings subset = effective_policy(rule, rule->find_subset("v1"), 8080);
  EXPECT_EQ(subset.load_balancer, LoadBalancer::kRoundRobin);
  EXPECT_EQ(subset.connection_pool->max_connections, 9U);
}

TEST(Endpoints, OfASubsetAreThoseWithItsLabels) {
  const Registry mesh = registry(kMyapp + "---" + kSubsets);
  const MeshService& service = *mesh.find_service(kHost);
  const MergedRule* rule = mesh.find_rule(kHost, "default");
  const ProxyNode node = client();
  const MeshView view(mesh, node);
  EXPECT_TRUE(
      is(build_load_assignment({service, service.ports[0], rule, rule->find_subset("v1"), view}), R"pb(
        cluster_name: "outbound|8080|v1|myapp.default.svc.cluster.local"
        endpoints {
          locality {}
          lb_endpoints {
            endpoint { address { socket_address { address: "127.0.1.1" port_value: 9001 } } }
            metadata {
              filter_metadata {
                key: "istio"
                value {
                  fields {
                    key: "workload"
                    value { string_value: "myapp-v1;default;myapp;v1;Kubernetes" }
                  }
                }
              }
            }
            load_balancing_weight { value: 1 }
          }
          load_balancing_weight { value: 1 }
        })pb"));
}

TEST(Endpoints, AreGroupedByLocality) {
  const Registry mesh = registry(R"(
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e}
spec:
  hosts: [myapp.default.svc.cluster.local]
  resolution: STATIC
  ports: [{number: 80, name: http}]
  endpoints:
  - {address: 127.0.0.1, locality: eu/a/1, weight: 2}
  - {address: 127.0.0.2, locality: us}
  - {address: 127.0.0.3, locality: eu/a/1, weight: 3}
)");
  const MeshService& service = mesh.services()[0];
  const ProxyNode node = client();
  const MeshView view(mesh, node);
  const auto assignment = build_load_assignment({service, service.ports[0], nullptr, nullptr, view});
  ASSERT_EQ(assignment.endpoints_size(), 2);
  EXPECT_TRUE(is(assignment.endpoints(0).locality(), R"pb(region: "eu" zone: "a" sub_zone: "1")pb"));
  EXPECT_EQ(assignment.endpoints(0).lb_endpoints_size(), 2);
  EXPECT_EQ(assignment.endpoints(0).load_balancing_weight().value(), 5U);
  EXPECT_TRUE(is(assignment.endpoints(1).locality(), R"pb(region: "us")pb"));
}

TEST(Routes, SplitByWeightAndLeaveOutZero) {
  const auto routes = routes_of(R"(  - name: canary
    route:
    - {destination: {host: myapp, subset: v1}, weight: 90}
    - {destination: {host: myapp, subset: v2}, weight: 10, headers: {response: {set: {x-version: v2}}}}
    - {destination: {host: myapp}, weight: 0}
)");
  ASSERT_EQ(routes.size(), 1U);
  EXPECT_EQ(routes[0].name(), "canary");
  EXPECT_TRUE(is(routes[0].match(), R"pb(prefix: "/")pb"));
  EXPECT_TRUE(is(routes[0].route().weighted_clusters(), R"pb(
    clusters {
      name: "outbound|8080|v1|myapp.default.svc.cluster.local"
      weight { value: 90 }
    }
    clusters {
      name: "outbound|8080|v2|myapp.default.svc.cluster.local"
      weight { value: 10 }
      response_headers_to_add {
        header { key: "x-version" value: "v2" }
        append_action: OVERWRITE_IF_EXISTS_OR_ADD
      }
    })pb"));
}

TEST(Routes, HaveNoTimeoutAndIstiosRetriesUnlessTold) {
  const auto routes = routes_of("  - route: [{destination: {host: myapp}}]\n");
  EXPECT_TRUE(routes[0].route().has_timeout());
  EXPECT_EQ(routes[0].route().timeout().seconds(), 0);
  const auto& policy = routes[0].route().retry_policy();
  EXPECT_EQ(policy.retry_on(), "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes");
  EXPECT_EQ(policy.num_retries().value(), 2U);
  EXPECT_EQ(policy.host_selection_retry_max_attempts(), 5);
  ASSERT_EQ(policy.retry_host_predicate_size(), 1);
  EXPECT_EQ(policy.retry_host_predicate(0).name(), "envoy.retry_host_predicates.previous_hosts");
  EXPECT_EQ(routes[0].metadata().filter_metadata().at("istio").fields().at("config").string_value(),
            "/apis/networking.istio.io/v1/namespaces/default/virtual-service/myapp");
}

TEST(Routes, TakeTheirOwnRetries) {
  const auto routes = routes_of(R"(  - timeout: 3s
    retries: {attempts: 3, perTryTimeout: 1s, retryOn: "5xx, 418,429", backoff: 50ms,
      retryIgnorePreviousHosts: false}
)" + kTo);
  EXPECT_EQ(routes[0].route().timeout().seconds(), 3);
  EXPECT_TRUE(is(routes[0].route().retry_policy(), R"pb(
    retry_on: "5xx,retriable-status-codes"
    num_retries { value: 3 }
    per_try_timeout { seconds: 1 }
    retriable_status_codes: [ 418, 429 ]
    host_selection_retry_max_attempts: 5
    retry_back_off { base_interval { nanos: 50000000 } })pb"));
}

TEST(Routes, RetryInOtherLocalitiesWhereTold) {
  const auto routes = routes_of("  - retries: {attempts: 2, retryRemoteLocalities: true}\n" + kTo);
  const auto& priority = routes[0].route().retry_policy().retry_priority();
  EXPECT_EQ(priority.name(), "envoy.retry_priorities.previous_priorities");
  envoy::extensions::retry::priority::previous_priorities::v3::PreviousPrioritiesConfig config;
  ASSERT_TRUE(priority.typed_config().UnpackTo(&config));
  EXPECT_EQ(config.update_frequency(), 2);
}

TEST(Routes, DoNotRetryAtZeroAttempts) {
  EXPECT_FALSE(routes_of("  - retries: {attempts: 0}\n" + kTo)[0].route().has_retry_policy());
}

TEST(Matches, BecomeEnvoys) {
  const auto routes = routes_of(R"(  - match:
    - uri: {exact: /a}
      ignoreUriCase: true
      method: {exact: GET}
      authority: {prefix: my}
      scheme: {regex: "https?"}
      headers: {user-id: {regex: "user-[0-9]{3}"}, x-any: {}}
      withoutHeaders: {x-old: {exact: "1"}, x-gone: {}}
      queryParams: {q: {prefix: a}, p: {}}
)" + kTo);
  EXPECT_TRUE(is(routes[0].match(), R"pb(
    path: "/a"
    case_sensitive { value: false }
    headers {
      name: "user-id"
      string_match { safe_regex { regex: "user-[0-9]{3}" } }
    }
    headers { name: "x-any" present_match: true }
    headers {
      name: "x-old"
      string_match { exact: "1" }
      invert_match: true
      treat_missing_header_as_empty: true
    }
    headers { name: "x-gone" present_match: true invert_match: true }
    headers {
      name: ":method"
      string_match { exact: "GET" }
    }
    headers {
      name: ":authority"
      string_match { prefix: "my" }
    }
    headers {
      name: ":scheme"
      string_match { safe_regex { regex: "https?" } }
    }
    query_parameters {
      name: "q"
      string_match { prefix: "a" }
    }
    query_parameters { name: "p" present_match: true })pb"));
}

TEST(Matches, AreAlternativesInOrderUntilOneTakesEverything) {
  const auto routes = routes_of(R"(  - name: a
    match:
    - {name: x, uri: {prefix: /x}}
    - {uri: {regex: "/y/.*"}}
    - {uri: {prefix: /}}
    - {uri: {prefix: /never}}
)" + kTo + "  - route: [{destination: {host: myapp, subset: v2}}]\n");
  ASSERT_EQ(routes.size(), 3U);
  EXPECT_EQ(routes[0].name(), "a.x");
  EXPECT_EQ(routes[0].match().prefix(), "/x");
  EXPECT_EQ(routes[1].match().safe_regex().regex(), "/y/.*");
  EXPECT_EQ(routes[2].match().prefix(), "/");
}

TEST(Matches, OnTheClientsSideAreDecidedHere) {
  const std::string http = R"(  - match:
    - {uri: {prefix: /port}, port: 81}
    - {uri: {prefix: /labels}, sourceLabels: {app: shop}}
    - {uri: {prefix: /namespace}, sourceNamespace: prod}
    - {uri: {prefix: /gateway}, gateways: [front]}
    - {uri: {prefix: /mesh}, gateways: [mesh]}
)" + kTo;
  auto routes = routes_of(http);
  ASSERT_EQ(routes.size(), 1U);
  EXPECT_EQ(routes[0].match().prefix(), "/mesh");
  ProxyNode shop = client();
  shop.labels = {{"app", "shop"}};
  routes = routes_of(http, shop);
  ASSERT_EQ(routes.size(), 2U);
  EXPECT_EQ(routes[0].match().prefix(), "/labels");
}

TEST(Actions, RewriteAndSetHeaders) {
  const auto routes = routes_of(R"(  - rewrite: {uri: /new, authority: other.test}
    headers:
      request: {set: {x-a: "1"}, add: {x-b: "2"}, remove: [x-c]}
      response: {add: {x-d: "4"}, remove: [x-e]}
)" + kTo);
  EXPECT_EQ(routes[0].route().prefix_rewrite(), "/new");
  EXPECT_EQ(routes[0].route().host_rewrite_literal(), "other.test");
  ASSERT_EQ(routes[0].request_headers_to_add_size(), 2);
  EXPECT_TRUE(is(routes[0].request_headers_to_add(0), R"pb(header { key: "x-b" value: "2" }
                                                           append_action: APPEND_IF_EXISTS_OR_ADD)pb"));
  EXPECT_TRUE(is(routes[0].request_headers_to_add(1), R"pb(header { key: "x-a" value: "1" }
                                                           append_action: OVERWRITE_IF_EXISTS_OR_ADD)pb"));
  EXPECT_EQ(routes[0].request_headers_to_remove(0), "x-c");
  EXPECT_EQ(routes[0].response_headers_to_add(0).header().key(), "x-d");
  EXPECT_EQ(routes[0].response_headers_to_remove(0), "x-e");
}

TEST(Actions, RewriteByExpressionAndHostByHeader) {
  const auto routes =
      routes_of(R"yaml(  - rewrite: {uriRegexRewrite: {match: "^/v1/(.*)", rewrite: "/v2/\\1"}}
    headers: {request: {set: {Host: other.test}}}
)yaml" + kTo);
  EXPECT_TRUE(is(routes[0].route().regex_rewrite(), R"pb(pattern { regex: "^/v1/(.*)" }
                                                         substitution: "/v2/\\1")pb"));
  EXPECT_EQ(routes[0].route().host_rewrite_literal(), "other.test");
  EXPECT_EQ(routes[0].request_headers_to_add_size(), 0);
}

TEST(Actions, RedirectAndAnswer) {
  const auto routes = routes_of(R"(  - match: [{uri: {exact: /r}}]
    redirect: {uri: /n, authority: n.test, scheme: https, port: 8443, redirectCode: 308}
  - match: [{uri: {exact: /p}}]
    redirect: {derivePort: FROM_REQUEST_PORT}
  - directResponse: {status: 503, body: {string: closed}}
)");
  ASSERT_EQ(routes.size(), 3U);
  EXPECT_TRUE(is(routes[0].redirect(), R"pb(
    host_redirect: "n.test"
    path_redirect: "/n"
    scheme_redirect: "https"
    port_redirect: 8443
    response_code: PERMANENT_REDIRECT)pb"));
  EXPECT_TRUE(is(routes[1].redirect(), "port_redirect: 8080"));
  EXPECT_TRUE(is(routes[2].direct_response(), R"pb(status: 503
                                                   body { inline_string: "closed" })pb"));
}

TEST(Actions, MirrorInEverySpelling) {
  const auto fraction = [](const Route& route, int index) {
    return route.route().request_mirror_policies(index).runtime_fraction().default_value().numerator();
  };
  auto routes = routes_of("  - mirror: {host: myapp, subset: v2}\n" + kTo);
  EXPECT_TRUE(is(routes[0].route().request_mirror_policies(0), R"pb(
    cluster: "outbound|8080|v2|myapp.default.svc.cluster.local"
    runtime_fraction { default_value { numerator: 1000000 denominator: MILLION } })pb"));
  routes = routes_of("  - mirror: {host: myapp}\n    mirrorPercent: 50\n" + kTo);
  EXPECT_EQ(fraction(routes[0], 0), 500000U);
  routes = routes_of(
      "  - mirror: {host: myapp}\n    mirrorPercent: 50\n    mirrorPercentage: {value: 0.1}\n" + kTo);
  EXPECT_EQ(fraction(routes[0], 0), 1000U);
  routes = routes_of("  - mirror: {host: myapp}\n    mirrorPercentage: {value: 0}\n" + kTo);
  EXPECT_EQ(routes[0].route().request_mirror_policies_size(), 0);
  routes = routes_of(
      "  - mirrors: [{destination: {host: myapp}}, {destination: {host: myapp, subset: v2}, "
      "percentage: {value: 5}}]\n" +
      kTo);
  EXPECT_EQ(fraction(routes[0], 0), 1000000U);
  EXPECT_EQ(fraction(routes[0], 1), 50000U);
}

TEST(Actions, MirrorsAreComparedWhereAnAnnotationSaysSo) {
  const auto compare = [](const std::string& annotation, const std::string& action) {
    std::string yaml = virtual_service("  - " + action + "\n" + kTo);
    const std::string name = "name: myapp";
    yaml.replace(yaml.find(name), name.size(), name + ", annotations: {" + annotation + "}");
    const Registry mesh = registry(kMyapp + "---\n" + yaml);
    const auto routes = build_routes(*mesh.virtual_services().at(0), 8080, MeshView(mesh, client()));
    const auto& metadata = routes.at(0).metadata().filter_metadata();
    const auto ours = metadata.find("remora");
    return ours == metadata.end() ? std::string() : ours->second.ShortDebugString();
  };
  const std::string annotation = "remora.dev/shadow-compare: ";
  EXPECT_EQ(compare("a: b", "mirror: {host: myapp}"), "");
  EXPECT_EQ(compare(annotation + "body", "timeout: 1s"), "");
  EXPECT_NE(compare(annotation + "status", "mirror: {host: myapp}").find(R"(key: "compare")"),
            std::string::npos);
  EXPECT_EQ(compare(annotation + "status", "mirror: {host: myapp}").find("bool_value"), std::string::npos);
  EXPECT_NE(
      compare(annotation + "body", "mirror: {host: myapp}").find(R"(key: "body" value { bool_value: true })"),
      std::string::npos);
}

RouteConfiguration table(const std::string& yaml, uint16_t port, const ProxyNode& node = client()) {
  const Registry mesh = registry(yaml);
  const MeshView view(mesh, node);
  std::vector<const MeshService*> services;
  for (const MeshService* service : view.services()) {
    if (service->find_port(port) != nullptr) services.push_back(service);
  }
  return build_route_configuration(port, services, view);
}

TEST(Tables, HaveAVirtualHostPerServiceAndRefuseTheRest) {
  const RouteConfiguration config = table(kMyapp, 8080);
  EXPECT_EQ(config.name(), "8080");
  EXPECT_TRUE(config.ignore_port_in_host_matching());
  ASSERT_EQ(config.virtual_hosts_size(), 2);
  const auto& host = config.virtual_hosts(0);
  EXPECT_EQ(host.name(), "myapp.default.svc.cluster.local:8080");
  EXPECT_EQ((std::vector<std::string>(host.domains().begin(), host.domains().end())),
            (std::vector<std::string>{kHost, "myapp", "myapp.default", "myapp.default.svc"}));
  EXPECT_TRUE(host.include_request_attempt_count());
  EXPECT_EQ(host.routes(0).name(), "default");
  EXPECT_EQ(host.routes(0).route().cluster(), "outbound|8080||myapp.default.svc.cluster.local");
  EXPECT_TRUE(is(config.virtual_hosts(1), R"pb(
    name: "block_all"
    domains: "*"
    routes {
      name: "block_all"
      match { prefix: "/" }
      direct_response { status: 502 }
    })pb"));
}

TEST(Tables, NeverNameADomainTwice) {
  const RouteConfiguration config = table(kMyapp + R"(
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: clash}
spec: {hosts: [myapp.default], addresses: [10.0.0.1], resolution: STATIC, ports: [{number: 8080, name: http}]}
)",
                                          8080);
  std::set<std::string> domains;
  for (const auto& host : config.virtual_hosts()) {
    for (const auto& domain : host.domains()) EXPECT_TRUE(domains.insert(domain).second) << domain;
  }
  EXPECT_TRUE(domains.contains("10.0.0.1"));
}

TEST(Tables, OfPort80KnowHostsWithoutAService) {
  const std::string yaml = R"(
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: a}
spec: {hosts: [a.test], resolution: STATIC, ports: [{number: 80, name: http}, {number: 81, name: http-2}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v}
spec: {hosts: [legacy.test], http: [{route: [{destination: {host: a.test}}]}]}
)";
  EXPECT_EQ(table(yaml, 80).virtual_hosts(1).name(), "legacy.test:80");
  EXPECT_EQ(table(yaml, 80).virtual_hosts(1).routes(0).route().cluster(), "outbound|80||a.test");
  EXPECT_EQ(table(yaml, 81).virtual_hosts(1).name(), "block_all");
}

envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager manager_of(
    const envoy::config::listener::v3::Listener& listener) {
  envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager manager;
  EXPECT_TRUE(listener.filter_chains(0).filters(0).typed_config().UnpackTo(&manager));
  return manager;
}

envoy::config::listener::v3::Listener outbound_listener(const ProxyNode& node) {
  const Registry mesh = registry(kMyapp);
  OutboundPort port;
  port.address = node.outbound_address;
  port.number = 8080;
  port.http = {mesh.find_service(kHost)};
  return build_outbound_listener(port, MeshView(mesh, node));
}

TEST(Listeners, OutboundTakeRoutesByTheirPort) {
  const auto listener = outbound_listener(client());
  EXPECT_EQ(listener.name(), "127.0.0.1_8080");
  EXPECT_EQ(listener.traffic_direction(), envoy::config::core::v3::OUTBOUND);
  const auto manager = manager_of(listener);
  EXPECT_EQ(manager.rds().route_config_name(), "8080");
  EXPECT_TRUE(manager.rds().config_source().has_ads());
  EXPECT_EQ(manager.stat_prefix(), "outbound_127.0.0.1_8080");
  ASSERT_EQ(manager.http_filters_size(), 5);
  EXPECT_EQ(manager.http_filters(0).name(), "istio.metadata_exchange");
  EXPECT_EQ(manager.http_filters(0).typed_config().type_url(),
            "type.googleapis.com/udpa.type.v1.TypedStruct");
  EXPECT_EQ(manager.http_filters(1).name(), "envoy.filters.http.fault");
  EXPECT_EQ(manager.http_filters(2).name(), "envoy.filters.http.cors");
  EXPECT_EQ(manager.http_filters(3).name(), "istio.stats");
  EXPECT_EQ(manager.http_filters(3).typed_config().type_url(), "type.googleapis.com/stats.PluginConfig");
  EXPECT_EQ(manager.http_filters(4).name(), "envoy.filters.http.router");
}

TEST(Listeners, ForAStockEnvoyHaveOnlyItsFilters) {
  ProxyNode node = client();
  node.plain_envoy = true;
  const auto manager = manager_of(outbound_listener(node));
  ASSERT_EQ(manager.http_filters_size(), 3);
  EXPECT_EQ(manager.http_filters(0).name(), "envoy.filters.http.fault");
  EXPECT_EQ(manager.http_filters(1).name(), "envoy.filters.http.cors");
  EXPECT_EQ(manager.http_filters(2).name(), "envoy.filters.http.router");
}

}  // namespace
}  // namespace remora::istio::test

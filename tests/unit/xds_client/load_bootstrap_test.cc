#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "remora/config/bootstrap.h"
#include "remora/config/overload.h"
#include "remora/core/stats.h"

namespace remora {
namespace {

class LoadBootstrapTest : public testing::Test {
 protected:
  LoadBootstrapTest()
      : folder_(std::filesystem::temp_directory_path() / ("remora-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~LoadBootstrapTest() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& name, const std::string& text) {
    const auto path = folder_ / name;
    std::ofstream(path) << text;
    return path.string();
  }
  Result<LoadedBootstrap> load(const std::string& yaml, Options options = {}) {
    options.config_path = file("c.yaml", yaml);
    return load_bootstrap(options, stats_);
  }
  /// The message of a load that must fail, without the folder's name.
  std::string error_of(const std::string& yaml, Options options = {}) {
    const auto loaded = load(yaml, options);
    if (loaded.ok()) return "(loaded)";
    std::string text = loaded.error().message;
    for (size_t at = text.find(folder_.string()); at != std::string::npos; at = text.find(folder_.string())) {
      text.erase(at, folder_.string().size() + 1);
    }
    return text;
  }
  static std::string warnings(const LoadedBootstrap& loaded) {
    std::string text;
    for (const auto& finding : loaded.report.findings()) text += finding.path + ": " + finding.message + "\n";
    return text;
  }

  StatsStore stats_{2};
  std::filesystem::path folder_;
};

constexpr const char* kStatic = R"(
node: {id: n, cluster: c, locality: {zone: z}, metadata: {ROLE: sidecar, PORT: 15000}}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
layered_runtime: {layers: [{name: base, static_layer: {a: {b: 1}, envoy.reloadable_features.x: true}}, {name: over, static_layer: {a.b: 2}}]}
stats_config: {histogram_bucket_settings: [{match: {safe_regex: {regex: ".*"}}, buckets: [1, 5, 10]}]}
static_resources:
  listeners:
  - name: in
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: up}}]}]}
          http_filters:
          - name: router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: up
    load_assignment:
      cluster_name: up
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 80}}}}]}]
)";

constexpr const char* kAds = R"(
node: {id: n, cluster: c}
dynamic_resources:
  ads_config: {api_type: GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: xds}}]}
  cds_config: {ads: {}, resource_api_version: V3}
  lds_config: {ads: {}, resource_api_version: V3}
static_resources:
  clusters:
  - name: xds
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment:
      cluster_name: xds
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 15010}}}}]}]
)";

TEST_F(LoadBootstrapTest, Static) {
  const auto loaded = load(kStatic);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  const Bootstrap& bootstrap = loaded->bootstrap;
  EXPECT_EQ(bootstrap.node.id, "n");
  EXPECT_EQ(bootstrap.node.locality.zone, "z");
  EXPECT_EQ(bootstrap.node.metadata.at("ROLE").text(), "sidecar");
  EXPECT_EQ(bootstrap.node.metadata.at("PORT").text(), "15000");
  EXPECT_EQ(bootstrap.admin->address.to_string(), "127.0.0.1:0");
  EXPECT_EQ(bootstrap.runtime.at("a.b"), "2");
  EXPECT_EQ(bootstrap.prometheus_buckets, (std::vector<double>{1, 5, 10}));
  EXPECT_FALSE(bootstrap.has_dynamic_resources);
  ASSERT_EQ(bootstrap.static_resources.clusters.size(), 1u);
  EXPECT_EQ(bootstrap.static_resources.clusters[0].endpoints->endpoints.size(), 1u);
  ASSERT_EQ(bootstrap.static_resources.listeners.size(), 1u);
  EXPECT_NE(loaded->source, nullptr);
  EXPECT_NE(warnings(*loaded).find("layered_runtime: the key 'envoy.reloadable_features.x' has no effect"),
            std::string::npos);
}

TEST_F(LoadBootstrapTest, DumpShowsStaticResources) {
  const auto loaded = load(kStatic);
  ASSERT_TRUE(loaded.ok());
  const auto dump = loaded->source->config_dump({});
  ASSERT_TRUE(dump.ok());
  for (const char* part : {"envoy.admin.v3.BootstrapConfigDump", "static_clusters", "static_listeners",
                           "static_route_configs"}) {
    EXPECT_NE(dump->find(part), std::string::npos) << part;
  }
  const auto some =
      loaded->source->config_dump({.resource = "static_clusters", .mask = "cluster", .name_regex = "up"});
  ASSERT_TRUE(some.ok());
  EXPECT_EQ(some->find("static_listeners"), std::string::npos);
  EXPECT_NE(some->find("\"up\""), std::string::npos);
  EXPECT_FALSE(loaded->source->config_dump({.resource = "no_such"}).ok());
  EXPECT_FALSE(loaded->source->config_dump({.name_regex = "["}).ok());
}

TEST_F(LoadBootstrapTest, JsonIsReadToo) {
  Options options;
  options.config_path =
      file("c.json", R"({"node": {"id": "j", "cluster": "c"}, "stats_flush_interval": "1s"})");
  const auto loaded = load_bootstrap(options, stats_);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->bootstrap.node.id, "j");
  options.config_path = file("d.json", R"({"node": {"idd": "j"}})");
  const auto wrong = load_bootstrap(options, stats_);
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(
      wrong.error().message.find("line 1: node.idd: envoy.config.core.v3.Node has no field of this name"),
      std::string::npos)
      << wrong.error().message;
}

TEST_F(LoadBootstrapTest, ConfigYamlIsMergedOverAndFlagsWin) {
  Options options;
  options.config_yaml = "node: {id: over, metadata: {more: 1}}";
  options.service_cluster = "flag";
  options.service_zone = "zone";
  const auto loaded = load(kStatic, options);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->bootstrap.node.id, "over");
  EXPECT_EQ(loaded->bootstrap.node.cluster, "flag");
  EXPECT_EQ(loaded->bootstrap.node.locality.zone, "zone");
  EXPECT_EQ(loaded->bootstrap.node.metadata.size(), 3u) << "merged, not replaced";
  EXPECT_EQ(loaded->bootstrap.static_resources.listeners.size(), 1u);
}

TEST_F(LoadBootstrapTest, ErrorsNameFileLineAndField) {
  EXPECT_EQ(error_of("a: [1,\nb: }\n").rfind("c.yaml: line 2, column ", 0), 0u) << error_of("a: [1,\nb: }\n");
  EXPECT_EQ(error_of("node:\n  idd: x\nadmin: 5\n"),
            "c.yaml: line 2: node.idd: envoy.config.core.v3.Node has no field of this name\n"
            "c.yaml: line 3: admin: must be an object of type envoy.config.bootstrap.v3.Admin");
  EXPECT_EQ(error_of("node: {id: a}\nnode: {id: b}\n"),
            "c.yaml: line 2, column 1: the key 'node' is there twice");
  EXPECT_EQ(error_of("just text"),
            "c.yaml: line 1: the document: must be an object of type envoy.config.bootstrap.v3.Bootstrap");
  const std::string shape =
      error_of("static_resources:\n  clusters:\n  - name: a\n    connect_timeout: [1]\n");
  EXPECT_NE(shape.find("connect_timeout"), std::string::npos) << shape;
  EXPECT_EQ(error_of("static_resources: {clusters: [{name: a, lb_policy: NONE}]}"),
            "c.yaml: line 1: static_resources.clusters[0].lb_policy: 'NONE' is not a value of "
            "envoy.config.cluster.v3.Cluster.LbPolicy");
}

TEST_F(LoadBootstrapTest, UnknownFieldsCanBeAllowed) {
  Options options;
  options.allow_unknown_static_fields = true;
  const auto loaded = load("node: {id: n}\nmade_up: {a: 1}\n", options);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_NE(warnings(*loaded).find(
                "made_up: envoy.config.bootstrap.v3.Bootstrap has no field of this name: not read"),
            std::string::npos);
}

TEST_F(LoadBootstrapTest, EveryFindingHasItsPath) {
  const std::string text = error_of(R"(
tracing: {http: {name: x}}
layered_runtime: {layers: [{name: r, rtds_layer: {name: x}}]}
static_resources:
  clusters: [{name: a, lb_policy: LOAD_BALANCING_POLICY_CONFIG}, {name: a}]
  secrets: [{name: s}, {name: s, generic_secret: {}}]
)");
  EXPECT_EQ(text,
            "tracing: is not implemented by this build\n"
            "layered_runtime.layers[0].rtds_layer: is not implemented by this build\n"
            "static_resources.secrets[0]: one of tls_certificate, validation_context, session_ticket_keys is "
            "required\n"
            "static_resources.secrets[1].name: duplicate secret s\n"
            "static_resources.secrets[1].generic_secret: is not implemented by this build\n"
            "static_resources.clusters[0].lb_policy: LOAD_BALANCING_POLICY_CONFIG is not implemented by this "
            "build\n"
            "static_resources.clusters[1].name: duplicate cluster a");
}

TEST_F(LoadBootstrapTest, PackedTypesThatAreNotKnownAreNamedWhereTheyStand) {
  std::string yaml = kStatic;
  const std::string router = "          - name: router\n";
  const std::string lua =
      "          - name: lua\n            is_optional: OPTIONAL\n"
      "            typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, "
      "inline_code: x}\n";
  yaml.insert(yaml.find(router), lua);
  std::string strict = yaml;
  strict.replace(strict.find("OPTIONAL"), 8, "false");
  EXPECT_EQ(error_of(strict),
            "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[0]: the "
            "HTTP filter 'lua' of "
            "type envoy.extensions.filters.http.lua.v3.Lua is not implemented by this build");
  yaml.replace(yaml.find("OPTIONAL"), 8, "true");
  const auto loaded = load(yaml);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_NE(warnings(*loaded).find("http_filters[0]: the HTTP filter 'lua'"), std::string::npos);
}

TEST_F(LoadBootstrapTest, Ads) {
  const auto loaded = load(kAds);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_TRUE(loaded->bootstrap.has_dynamic_resources);
  EXPECT_EQ(loaded->bootstrap.static_resources.clusters.at(0).config->name, "xds");
}

TEST_F(LoadBootstrapTest, AdsNeedsANodeAndAKnownServer) {
  std::string yaml = kAds;
  yaml.replace(yaml.find("node: {id: n, cluster: c}"), 25, "node: {id: n}");
  EXPECT_EQ(error_of(yaml).rfind("node.cluster: is required", 0), 0u) << error_of(yaml);
  yaml = kAds;
  yaml.replace(yaml.find("cluster_name: xds"), 17, "cluster_name: nix");
  EXPECT_NE(error_of(yaml).find(
                "dynamic_resources.ads_config.grpc_services[0].envoy_grpc.cluster_name: there is no static "
                "cluster 'nix'"),
            std::string::npos)
      << error_of(yaml);
  yaml = kAds;
  yaml.replace(yaml.find("api_type: GRPC"), 14, "api_type: DELTA_GRPC");
  EXPECT_TRUE(load(yaml).ok()) << error_of(yaml);
  yaml = kAds;
  yaml.replace(yaml.find("api_type: GRPC"), 14, "api_type: REST");
  EXPECT_EQ(error_of(yaml), "dynamic_resources.ads_config.api_type: REST is not implemented by this build");
}

TEST_F(LoadBootstrapTest, StatisticsSinks) {
  const std::string head = R"(
node: {id: n, cluster: c}
stats_sinks:
- name: envoy.stat_sinks.metrics_service
  typed_config:
    "@type": type.googleapis.com/envoy.config.metrics.v3.MetricsServiceConfig
)";
  const std::string reached = "    grpc_service: {google_grpc: {target_uri: 'h:1', stat_prefix: s}}\n";
  EXPECT_TRUE(load(head + reached).ok()) << error_of(head + reached);
  const std::string in = "stats_sinks[0].typed_config.";
  for (const auto& [yaml, wanted] : {
           std::pair{head, in + "grpc_service.envoy_grpc.cluster_name: there is no static cluster"},
           {head + "    grpc_service: {envoy_grpc: {cluster_name: x}}",
            in + "grpc_service.envoy_grpc.cluster_name"},
           {head + reached + "    transport_api_version: V2", in + "transport_api_version: must be V3"},
           {head + reached + "stats_flush_interval: 0s", std::string("stats_flush_interval")},
           {head + reached + "stats_flush_on_admin: true", std::string("stats_flush_on_admin")},
           {"stats_sinks: [{name: envoy.stat_sinks.statsd}]", std::string("stats_sinks[0].typed_config")},
       }) {
    EXPECT_NE(error_of(yaml).find(wanted), std::string::npos) << yaml << "\n" << error_of(yaml);
  }
  std::string nameless = head + reached;
  nameless.replace(nameless.find("node: {id: n, cluster: c}"), 25, "");
  EXPECT_NE(error_of(nameless).find("node.id: is required"), std::string::npos) << error_of(nameless);
}

constexpr const char* kOverload = R"(
overload_manager:
  refresh_interval: 0.25s
  resource_monitors:
  - {name: heap, typed_config: {"@type": type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig, max_heap_size_bytes: 1000}}
  - {name: file, typed_config: {"@type": type.googleapis.com/envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig, filename: f}}
  actions:
  - {name: envoy.overload_actions.shrink_heap, triggers: [{name: file, scaled: {scaling_threshold: 0.5, saturation_threshold: 0.75}}, {name: heap, threshold: {value: 0.9}}]}
)";

TEST_F(LoadBootstrapTest, TheOverloadManager) {
  const auto loaded = load(kOverload);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  ASSERT_NE(loaded->bootstrap.overload, nullptr);
  const OverloadSettings& overload = *loaded->bootstrap.overload;
  EXPECT_EQ(overload.refresh_interval, Milliseconds(250));
  ASSERT_EQ(overload.monitors.size(), 2u);
  EXPECT_EQ(overload.monitors[0].most_bytes, 1000u);
  EXPECT_EQ(overload.monitors[1].filename, "f");
  ASSERT_EQ(overload.actions.size(), 1u);
  const auto& triggers = overload.actions[0].triggers;
  ASSERT_EQ(triggers.size(), 2u);
  EXPECT_EQ(triggers[0].monitor, 1u);
  EXPECT_EQ(triggers[0].from, 0.5);
  EXPECT_EQ(triggers[0].to, 0.75);
  EXPECT_EQ(triggers[1].monitor, 0u);
  EXPECT_EQ(triggers[1].from, triggers[1].to);
  EXPECT_TRUE(load(kStatic)->bootstrap.overload->monitors.empty());
}

TEST_F(LoadBootstrapTest, WhatTheOverloadManagerDoesToTraffic) {
  const auto loaded = load(std::string(kOverload) + R"(
  - name: envoy.overload_actions.reduce_timeouts
    triggers: [{name: heap, threshold: {value: 1}}]
    typed_config:
      "@type": type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig
      timer_scale_factors:
      - {timer: HTTP_DOWNSTREAM_CONNECTION_IDLE, min_timeout: 2s}
      - {timer: HTTP_DOWNSTREAM_STREAM_IDLE, min_scale: {value: 10}}
  loadshed_points:
  - {name: envoy.load_shed_points.tcp_listener_accept, triggers: [{name: file, threshold: {value: 1}}]}
)");
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  const OverloadSettings& overload = *loaded->bootstrap.overload;
  ASSERT_EQ(overload.actions.size(), 2u);
  EXPECT_EQ(overload.actions[1].measure, OverloadMeasure::kReduceTimeouts);
  ASSERT_EQ(overload.shed_points.size(), 1u);
  EXPECT_EQ(overload.shed_points[0].measure, OverloadMeasure::kTcpListenerAccept);
  EXPECT_EQ(overload.reduced[0]->time, Milliseconds(2000));
  EXPECT_EQ(overload.reduced[1]->part, 0.1);
  EXPECT_FALSE(overload.reduced[2]);
}

/// What Istio's bootstrap says of it: nothing to be warned about.
TEST_F(LoadBootstrapTest, TheLimitOfConnections) {
  const auto loaded = load(R"(
overload_manager:
  resource_monitors:
  - name: envoy.resource_monitors.global_downstream_max_connections
    typed_config: {"@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig, max_active_downstream_connections: "2147483645"}
static_resources:
  listeners:
  - name: probes
    address: {socket_address: {address: 127.0.0.1, port_value: 15021}}
    ignore_global_conn_limit: true
    bypass_overload_manager: true
    filter_chains:
    - filters:
      - name: tcp
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: c}
)");
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_TRUE(loaded->report.findings().empty()) << loaded->report.findings().front().message;
  EXPECT_EQ(loaded->bootstrap.overload->most_connections, 2147483645u);
  EXPECT_TRUE(loaded->bootstrap.overload->connections_monitored);
  const auto& listener = *loaded->bootstrap.static_resources.listeners.at(0);
  EXPECT_TRUE(listener.ignores_connection_limit && listener.bypasses_overload);
}

TEST_F(LoadBootstrapTest, TheOlderLimitOfConnections) {
  const auto limit = [this](const std::string& value) {
    const auto loaded = load(
        "layered_runtime: {layers: [{name: s, static_layer: {overload: {global_downstream_max_connections: " +
        value + "}}}]}");
    EXPECT_TRUE(loaded.ok() && loaded->report.findings().empty());
    return loaded->bootstrap.overload->most_connections;
  };
  EXPECT_EQ(limit("500"), 500u);
  EXPECT_EQ(limit("0"), 0u);
  EXPECT_EQ(limit("many"), std::nullopt);
  EXPECT_EQ(limit("-1"), std::nullopt);
}

TEST_F(LoadBootstrapTest, Watchdogs) {
  const auto usual = load(kStatic);
  EXPECT_EQ(usual->bootstrap.overload->worker_watchdog.miss, Milliseconds(200));
  EXPECT_EQ(usual->bootstrap.overload->main_thread_watchdog.megamiss, Milliseconds(1000));
  EXPECT_EQ(usual->bootstrap.overload->main_thread_watchdog.kill, Milliseconds(0));
  const auto each = load(R"(
watchdogs:
  main_thread_watchdog: {miss_timeout: 2s}
  worker_watchdog: {kill_timeout: 5s, multikill_timeout: 4s, multikill_threshold: {value: 50}, max_kill_timeout_jitter: 1s}
)");
  ASSERT_TRUE(each.ok()) << each.error().message;
  EXPECT_EQ(each->bootstrap.overload->main_thread_watchdog.miss, Milliseconds(2000));
  const auto& worker = each->bootstrap.overload->worker_watchdog;
  EXPECT_EQ(worker.miss, Milliseconds(200));
  EXPECT_EQ(worker.kill, Milliseconds(5000));
  EXPECT_EQ(worker.most_kill_jitter, Milliseconds(1000));
  EXPECT_EQ(worker.multikill, Milliseconds(4000));
  EXPECT_EQ(worker.multikill_part, 0.5);
  const auto one = load("watchdog: {megamiss_timeout: 3s}");
  EXPECT_EQ(one->bootstrap.overload->main_thread_watchdog.megamiss, Milliseconds(3000));
  EXPECT_EQ(one->bootstrap.overload->worker_watchdog.megamiss, Milliseconds(3000));
}

TEST_F(LoadBootstrapTest, WhatTheOverloadManagerCannotDoIsRefused) {
  const auto change = [](const std::string& from, const std::string& to) {
    std::string yaml = kOverload;
    return yaml.replace(yaml.find(from), from.size(), to);
  };
  const std::string actions = "overload_manager.actions[0].";
  for (const auto& [yaml, wanted] : {
           std::pair{change("shrink_heap", "reset_high_memory_stream"), actions + "name: the action 'envoy."},
           {change("shrink_heap", "reduce_timeouts"), actions + "typed_config: is required"},
           {change("{name: heap, threshold", "{name: cpu, threshold"),
            actions + "triggers[1].name: no resource"},
           {change("saturation_threshold: 0.75", "saturation_threshold: 0.5"),
            actions + "triggers[0].scaled.scaling_threshold"},
           {change("1000", "0"),
            std::string("overload_manager.resource_monitors[0].typed_config.max_heap_size_bytes")},
           {change("fixed_heap.v3.FixedHeapConfig, max_heap_size_bytes: 1000",
                   "downstream_connections.v3.DownstreamConnectionsConfig, "
                   "max_active_downstream_connections: 5"),
            std::string("overload_manager.resource_monitors[0].name: must be 'envoy.resource_monitors.")},
           {std::string(kOverload) +
                "  loadshed_points: [{name: p, triggers: [{name: heap, threshold: {value: 1}}]}]",
            std::string("overload_manager.loadshed_points[0].name: the load shed point 'p'")},
           {std::string("watchdog: {}\nwatchdogs: {}\n"),
            std::string("watchdog: cannot be set beside watchdogs")},
           {std::string("watchdogs: {worker_watchdog: {actions: [{event: KILL, config: {name: a, "
                        "typed_config: {\"@type\": type.googleapis.com/google.protobuf.Empty}}}]}}\n"),
            std::string("watchdogs.worker_watchdog.actions")},
           {std::string("watchdogs: {worker_watchdog: {multikill_threshold: {value: 101}}}\n"),
            std::string("watchdogs.worker_watchdog.multikill_threshold.value")},
       }) {
    EXPECT_NE(error_of(yaml).find(wanted), std::string::npos) << yaml << "\n" << error_of(yaml);
  }
}

TEST_F(LoadBootstrapTest, SomethingMustBeGiven) {
  EXPECT_EQ(load_bootstrap({}, stats_).error().message,
            "no configuration: give --config-path or --config-yaml");
  Options options;
  options.config_path = "/no/such/file.yaml";
  EXPECT_EQ(load_bootstrap(options, stats_).error().message, "/no/such/file.yaml: cannot be read");
}

}  // namespace
}  // namespace remora

#include "translate/cluster.h"
#include "translate/listener.h"
#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

class OriginalDstTest : public TranslateTest {
 protected:
  TranslatedCluster cluster(const std::string& rest, const std::string& name = "a") {
    return translate_cluster(from_yaml<envoy::config::cluster::v3::Cluster>("name: " + name + "\n" + rest),
                             {"5", true}, context_);
  }
  TranslatedListener listener(const std::string& rest) {
    const std::string yaml =
        "name: l\naddress: {socket_address: {address: 0.0.0.0, port_value: 15001}}\n" + rest;
    return translate_listener(from_yaml<envoy::config::listener::v3::Listener>(yaml), {}, 1, context_);
  }
  [[nodiscard]] bool has_error(const std::string& text) const {
    return errors().find(text) != std::string::npos;
  }
};

constexpr const char* kType = "type: ORIGINAL_DST\nlb_policy: CLUSTER_PROVIDED\n";
constexpr const char* kChain = R"(
filter_chains:
- filters:
  - name: tcp
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
      stat_prefix: t
      cluster: c
)";

TEST_F(OriginalDstTest, Defaults) {
  const auto made = cluster(kType);
  ASSERT_TRUE(made.config) << errors();
  EXPECT_TRUE(made.complete());
  EXPECT_EQ(made.config->discovery, ClusterConfig::Discovery::kOriginalDst);
  ASSERT_TRUE(made.config->original_dst);
  EXPECT_EQ(made.config->original_dst->header, "");
  EXPECT_FALSE(made.config->original_dst->port);
  EXPECT_EQ(made.config->original_dst->cleanup_interval, Milliseconds(5000));
  EXPECT_FALSE(made.config->bind);
  EXPECT_EQ(warnings(), "");
}

TEST_F(OriginalDstTest, AllThatIstiodSays) {
  const auto made = cluster(std::string(kType) + R"(
cleanup_interval: 9223372035s
original_dst_lb_config: {use_http_header: true, upstream_port_override: 9001}
upstream_bind_config:
  source_address: {address: 127.0.0.6, port_value: 0}
  extra_source_addresses: [{address: {address: "::6", port_value: 0}}]
)");
  ASSERT_TRUE(made.config) << errors();
  EXPECT_EQ(made.config->original_dst->header, "x-envoy-original-dst-host");
  EXPECT_EQ(made.config->original_dst->port, 9001);
  EXPECT_EQ(made.config->original_dst->cleanup_interval.count(), 9223372035000);
  ASSERT_TRUE(made.config->bind);
  ASSERT_EQ(made.config->bind->sources.size(), 2u);
  EXPECT_EQ(made.config->bind->sources[0].address.to_string(), "127.0.0.6:0");
  EXPECT_EQ(made.config->bind->sources[1].address.to_string(), "[::6]:0");
}

TEST_F(OriginalDstTest, AnotherHeader) {
  const auto made = cluster(std::string(kType) +
                            "original_dst_lb_config: {use_http_header: true, http_header_name: X-Where}\n");
  ASSERT_TRUE(made.config) << errors();
  EXPECT_EQ(made.config->original_dst->header, "x-where");
}

TEST_F(OriginalDstTest, WhatCannotBe) {
  EXPECT_FALSE(cluster("type: ORIGINAL_DST\n").config);
  EXPECT_TRUE(has_error("lb_policy: must be CLUSTER_PROVIDED")) << errors();
  EXPECT_FALSE(cluster("type: STATIC\nlb_policy: CLUSTER_PROVIDED\n").config);
  EXPECT_TRUE(has_error("lb_policy: CLUSTER_PROVIDED is only for")) << errors();
  EXPECT_FALSE(cluster(std::string(kType) + "load_assignment: {cluster_name: a}\n").config);
  EXPECT_TRUE(has_error("load_assignment: a cluster of type ORIGINAL_DST has no hosts")) << errors();
  EXPECT_FALSE(cluster(std::string(kType) + "original_dst_lb_config: {http_header_name: x}\n").config);
  EXPECT_TRUE(has_error("original_dst_lb_config.http_header_name: is only read with")) << errors();
  EXPECT_FALSE(
      cluster(std::string(kType) + "original_dst_lb_config: {metadata_key: {key: k, path: [{key: p}]}}\n")
          .config);
  EXPECT_TRUE(has_error("original_dst_lb_config.metadata_key: is not implemented")) << errors();
  EXPECT_FALSE(
      cluster(std::string(kType) + "original_dst_lb_config: {upstream_port_override: 70000}\n").config);
  EXPECT_TRUE(has_error("original_dst_lb_config.upstream_port_override")) << errors();
  EXPECT_FALSE(cluster(std::string(kType) + "lb_subset_config: {subset_selectors: [{keys: [v]}]}\n").config);
  EXPECT_TRUE(has_error("lb_subset_config: a cluster of type ORIGINAL_DST has no subsets")) << errors();
}

TEST_F(OriginalDstTest, WhatHasNoEffect) {
  const auto made = cluster(std::string(kType) + "outlier_detection: {}\n");
  ASSERT_TRUE(made.config) << errors();
  EXPECT_FALSE(made.config->outlier);
  EXPECT_NE(warnings().find("outlier_detection: has no effect"), std::string::npos);
  EXPECT_TRUE(cluster("type: STATIC\noriginal_dst_lb_config: {}\ncleanup_interval: 1s\n").config);
  EXPECT_NE(warnings().find("original_dst_lb_config: has no effect"), std::string::npos);
  EXPECT_NE(warnings().find("cleanup_interval: has no effect"), std::string::npos);
}

TEST_F(OriginalDstTest, BindConfigs) {
  const auto made = cluster(R"(
type: STATIC
upstream_bind_config:
  freebind: true
  source_address: {address: "::6", port_value: 7}
  socket_options: [{level: 1, name: 36, int_value: 1337}, {level: 6, name: 13, buf_value: Y3ViaWM=, state: STATE_BOUND}]
  extra_source_addresses: [{address: {address: 127.0.0.6, port_value: 0}, socket_options: {socket_options: []}}]
)");
  ASSERT_TRUE(made.config) << errors();
  const auto& bind = *made.config->bind;
  EXPECT_TRUE(bind.freebind);
  ASSERT_EQ(bind.sources[0].options.size(), 2u);
  EXPECT_EQ(bind.sources[0].options[0].name, 36);
  EXPECT_EQ(std::get<int>(bind.sources[0].options[0].value), 1337);
  EXPECT_EQ(std::get<std::string>(bind.sources[0].options[1].value), "cubic");
  EXPECT_EQ(bind.sources[0].options[1].state, SocketOption::State::kBound);
  EXPECT_TRUE(bind.sources[1].options.empty()) << "the extra source has its own";
  EXPECT_FALSE(
      cluster("type: STATIC\nupstream_bind_config: {source_address: {address: a.test, port_value: 0}}\n")
          .config);
  EXPECT_TRUE(
      has_error("upstream_bind_config.source_address.socket_address: \"a.test\" is not an IP address"))
      << errors();
}

TEST_F(OriginalDstTest, BindConfigsThatContradictThemselves) {
  const std::string v4 = "{address: {address: 127.0.0.6, port_value: 0}}";
  const auto with = [&](const std::string& extra, const std::string& source) {
    return cluster("type: STATIC\nupstream_bind_config: {" + source + "extra_source_addresses: [" + extra +
                   "]}\n");
  };
  const std::string source = "source_address: {address: 127.0.0.7, port_value: 0}, ";
  EXPECT_FALSE(with(v4, "").config);
  EXPECT_TRUE(has_error("extra_source_addresses: needs a source_address")) << errors();
  EXPECT_FALSE(with(v4, source).config);
  EXPECT_TRUE(has_error("extra_source_addresses[0].address: is of the same family")) << errors();
  EXPECT_FALSE(with(v4 + ", " + v4, source).config);
  EXPECT_TRUE(has_error("extra_source_addresses: can only hold one")) << errors();
}

TEST_F(OriginalDstTest, ListenersOfTproxy) {
  const auto made = listener(std::string(kChain) + R"(
transparent: true
socket_options: [{level: 1, name: 36, int_value: 1337, state: STATE_LISTENING}]
listener_filters:
- {name: d, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst}}
- {name: s, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.original_src.v3.OriginalSrc, mark: 1337, bind_port: true}}
)");
  ASSERT_TRUE(made.config) << errors();
  EXPECT_TRUE(made.config->transparent);
  ASSERT_EQ(made.config->socket_options.size(), 1u);
  EXPECT_EQ(made.config->socket_options[0].state, SocketOption::State::kListening);
  const auto& source = made.config->listener_filters.at(1);
  EXPECT_EQ(source.kind, ListenerFilter::Kind::kOriginalSrc);
  EXPECT_EQ(source.mark, 1337u);
  EXPECT_TRUE(source.bind_port);
}

TEST_F(OriginalDstTest, AListenersOwnLog) {
  const auto made = listener(std::string(kChain) + R"(
access_log:
- name: l
  filter: {response_flag_filter: {flags: [NR]}}
  typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog}
)");
  ASSERT_TRUE(made.config) << errors();
  EXPECT_EQ(made.config->access_logs.size(), 1u);
}

TEST_F(OriginalDstTest, NumbersThatAreNoInts) {
  EXPECT_FALSE(
      listener(std::string(kChain) + "socket_options: [{level: 99999999999, name: 1, int_value: 1}]\n")
          .config);
  EXPECT_TRUE(has_error("socket_options[0].level: 99999999999 does not fit in an int")) << errors();
}

}  // namespace
}  // namespace remora::xds

#include "translate/router.h"

#include "translate/listener.h"
#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

class RouterTest : public TranslateTest {
 protected:
  std::shared_ptr<HttpConnectionManagerConfig> manager(const std::string& fields) {
    return to_connection_manager(
               from_yaml<ProtoConnectionManager>(
                   "stat_prefix: in\nroute_config: {name: r}\nhttp_filters: [{name: the-router, "
                   "typed_config: "
                   "{\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" +
                   fields + "}}]"),
               TrafficDirection::kUnspecified, context_)
        .config;
  }
};

TEST_F(RouterTest, EveryFieldIsRead) {
  const auto http = manager(R"(, dynamic_stats: false, suppress_envoy_headers: true,
    strict_check_headers: [x-envoy-retry-on, x-envoy-max-retries], respect_expected_rq_timeout: true,
    suppress_grpc_request_failure_code_stats: true,
    upstream_log: [{name: l, typed_config: {"@type":
      type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog}}],
    upstream_log_options: {flush_upstream_log_on_upstream_stream: true, upstream_log_flush_interval: 2s})");
  EXPECT_EQ(errors(), "");
  EXPECT_TRUE(http->suppress_envoy_headers);
  ASSERT_EQ(http->filters.size(), 1u);
  EXPECT_EQ(http->filters[0].factory->name(), "the-router");
  const RouterConfig& router = router_of(*http);
  EXPECT_FALSE(router.dynamic_stats);
  EXPECT_TRUE(router.suppress_grpc_statuses);
  EXPECT_TRUE(router.respect_expected_timeout);
  EXPECT_EQ(router.strict_headers,
            (std::vector{HeaderId::kXEnvoyMaxRetries, HeaderId::kXEnvoyRetryOn}));  // in Envoy's order
  EXPECT_EQ(router.upstream_logs.size(), 1u);
  EXPECT_TRUE(router.log_upstream_streams);
  EXPECT_EQ(router.log_interval, Milliseconds(2000));
}

TEST_F(RouterTest, WithoutThemThereIsNoEntry) {
  const auto http = manager(", suppress_envoy_headers: true, dynamic_stats: true");
  EXPECT_EQ(errors(), "");
  EXPECT_TRUE(http->filters.empty());
  const RouterConfig& router = router_of(*http);
  EXPECT_TRUE(router.dynamic_stats);
  EXPECT_FALSE(router.respect_expected_timeout || router.suppress_grpc_statuses);
  EXPECT_TRUE(router.upstream_logs.empty() && router.strict_headers.empty());
}

TEST_F(RouterTest, WhatCannotBeIsRefused) {
  manager(R"(, strict_check_headers: [x-other], upstream_log_options: {upstream_log_flush_interval: 0.0001s},
    upstream_log: [{name: l, filter: {extension_filter: {name: e}}}],
    upstream_http_filters: [{name: f}])");
  for (const char* expected :
       {"strict_check_headers", "upstream_log_flush_interval", "upstream_log[0]", "upstream_http_filters"}) {
    EXPECT_NE(errors().find(expected), std::string::npos) << expected << " is not in:\n" << errors();
  }
}

}  // namespace
}  // namespace remora::xds

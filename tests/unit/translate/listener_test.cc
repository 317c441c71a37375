#include "translate/listener.h"

#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

constexpr const char* kManager =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
constexpr const char* kRouter =
    "{name: router, typed_config: {\"@type\": "
    "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}";

class ListenerTest : public TranslateTest {
 protected:
  TranslatedListener translate(const std::string& yaml) {
    return translate_listener(from_yaml<envoy::config::listener::v3::Listener>(yaml), {}, 42, context_);
  }
  /// A listener around the fields of a connection manager, which must be indented by 8.
  TranslatedListener with_manager(const std::string& fields,
                                  const std::string& filters = std::string("[") + kRouter + "]") {
    return translate(std::string(R"(
name: in
address: {socket_address: {address: 127.0.0.1, port_value: 80}}
filter_chains:
- filters:
  - name: hcm
    typed_config:
        "@type": )") +
                     kManager + "\n        stat_prefix: in\n        http_filters: " + filters + "\n" +
                     fields);
  }
};

constexpr const char* kInline = "        route_config: {name: r, virtual_hosts: []}\n";

TEST_F(ListenerTest, DefaultsAreEnvoys) {
  const auto listener = with_manager(kInline);
  ASSERT_TRUE(listener.config) << errors();
  EXPECT_EQ(listener.config->name, "in");
  EXPECT_EQ(listener.config->hash, 42u);
  EXPECT_EQ(listener.config->address.to_string(), "127.0.0.1:80");
  const auto& http = *listener.config->filter_chains.front().http;
  EXPECT_EQ(http.stat_prefix, "in");
  EXPECT_EQ(http.max_request_headers_kb, 60u);
  EXPECT_EQ(http.stream_idle_timeout, Milliseconds(300000));
  EXPECT_EQ(http.idle_timeout, Milliseconds(3600000));
  EXPECT_EQ(http.server_name, "envoy");
  EXPECT_TRUE(http.generate_request_id);
  EXPECT_NE(http.routes, nullptr);
  EXPECT_TRUE(http.filters.empty());
}

TEST_F(ListenerTest, ConnectionManagerFields) {
  runtime_ = {{"k", "400"}};
  const auto listener = with_manager(R"(
        rds: {route_config_name: "8080", config_source: {ads: {}, initial_fetch_timeout: 0s}}
        stream_idle_timeout: 0s
        common_http_protocol_options: {idle_timeout: 10s, headers_with_underscores_action: DROP_HEADER}
        http_protocol_options: {accept_http_10: true, header_key_format: {proper_case_words: {}}}
        server_header_transformation: PASS_THROUGH
        path_with_escaped_slashes_action: UNESCAPE_AND_FORWARD
        internal_address_config: {cidr_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}
        upgrade_configs: [{upgrade_type: WebSocket}, {upgrade_type: h2c, enabled: false}]
        access_log:
        - name: stdout
          filter: {status_code_filter: {comparison: {op: GE, value: {default_value: 500, runtime_key: k}}}}
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
            log_format: {json_format: {code: "%RESPONSE_CODE%", nested: {method: "%REQ(:METHOD)%"}}}
)");
  ASSERT_TRUE(listener.config) << errors();
  ASSERT_EQ(listener.routes.size(), 1u);
  EXPECT_EQ(listener.routes[0].name, "8080");
  const auto& http = *listener.config->filter_chains.front().http;
  EXPECT_EQ(http.rds_name, "8080");
  EXPECT_EQ(http.stream_idle_timeout, Milliseconds(0));
  EXPECT_EQ(http.idle_timeout, Milliseconds(10000));
  EXPECT_EQ(http.underscores, HttpConnectionManagerConfig::Underscores::kDrop);
  EXPECT_EQ(http.header_case.style, HeaderCase::Style::kProper);
  EXPECT_EQ(http.server_header, HttpConnectionManagerConfig::ServerHeader::kPassThrough);
  EXPECT_EQ(http.escaped_slashes, HttpConnectionManagerConfig::EscapedSlashes::kUnescapeAndForward);
  EXPECT_EQ(http.internal_ranges[0].prefix_length, 8);
  EXPECT_EQ(http.upgrades, std::vector<std::string>{"websocket"});
  ASSERT_EQ(http.access_logs.size(), 1u);
  EXPECT_EQ(http.access_logs[0]->filter->value, 400u) << "the runtime layer's value";
  EXPECT_TRUE(http.access_logs[0]->json);
  EXPECT_EQ(http.access_logs[0]->json_format.members[1].members[0].key, "method");
}

TEST_F(ListenerTest, TheRouterEndsTheChain) {
  with_manager(kInline, "[]");
  EXPECT_EQ(errors(), "filter_chains[0].filters[0].typed_config.http_filters: must end with the router\n");
}

TEST_F(ListenerTest, NothingStandsBehindTheRouter) {
  with_manager(kInline, std::string("[") + kRouter + ", " + kRouter + "]");
  EXPECT_EQ(errors(),
            "filter_chains[0].filters[0].typed_config.http_filters[0]: the router ends the chain: it must be "
            "the last "
            "filter\n");
}

TEST_F(ListenerTest, FiltersThatAreNotThereAreNamedAndOptionalOnesLeftOut) {
  const std::string lua = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua";
  with_manager(
      kInline,
      "[{name: a, typed_config: {\"@type\": type.googleapis.com/xds.type.v3.TypedStruct, type_url: " + lua +
          "}}, {name: b, is_optional: true, typed_config: {\"@type\": "
          "type.googleapis.com/udpa.type.v1.TypedStruct, type_url: " +
          lua + "}}, " + kRouter + "]");
  EXPECT_EQ(errors(),
            "filter_chains[0].filters[0].typed_config.http_filters[0]: the HTTP filter 'a' of type "
            "envoy.extensions.filters.http.lua.v3.Lua is not implemented by this build\n");
  EXPECT_NE(warnings().find(
                "http_filters[1]: the HTTP filter 'b' of type envoy.extensions.filters.http.lua.v3.Lua"),
            std::string::npos);
}

TEST_F(ListenerTest, TypedStructIsUnwrappedAndReadStrictly) {
  const auto router = [](const std::string& value) {
    return "[{name: r, typed_config: {\"@type\": type.googleapis.com/udpa.type.v1.TypedStruct, type_url: "
           "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router, value: " +
           value + "}}]";
  };
  const auto listener = with_manager(kInline, router("{suppress_envoy_headers: true}"));
  ASSERT_TRUE(listener.config) << errors();
  EXPECT_TRUE(listener.config->filter_chains.front().http->suppress_envoy_headers);
  with_manager(kInline, router("{made_up: true}"));
  EXPECT_NE(errors().find("http_filters[0].typed_config: envoy.extensions.filters.http.router.v3.Router: "),
            std::string::npos)
      << errors();
}

TEST_F(ListenerTest, WhatIsNotImplementedIsNamed) {
  translate(std::string(R"(
name: in
address: {socket_address: {address: example.com, port_value: 70000}}
listener_filters: [{name: envoy.filters.listener.tls_inspector}]
filter_chains:
- filters:
  - name: direct
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config
- filter_chain_match: {destination_port: 80}
)"));
  const std::string text = errors();
  for (const char* expected : {"listener_filters[0].typed_config: is required: the listener filter "
                               "'envoy.filters.listener.tls_inspector'",
                               "address.socket_address.port_value: must be at most 65535",
                               "filter_chains[1].filters: must end with an HTTP connection manager",
                               "filter_chains[0].filters[0]: the network filter 'direct' of type "
                               "envoy.extensions.filters.network.direct_response.v3.Config is "
                               "not implemented"}) {
    EXPECT_NE(text.find(expected), std::string::npos) << expected << "\nin\n" << text;
  }
}

TEST_F(ListenerTest, WhatCannotBeSaidOfLocalRepliesAndLogsIsNamed) {
  with_manager(std::string(kInline) + R"(
        flush_access_log_on_new_request: true
        access_log_options: {flush_access_log_on_new_request: true}
        scheme_header_transformation: {scheme_to_overwrite: ftp}
        local_reply_config:
          mappers: [{status_code: 700}]
          body_format: {text_format_source: {inline_string: "%NOTHING%"}}
)");
  const std::string at = "filter_chains[0].filters[0].typed_config.";
  for (const char* expected :
       {"access_log_options: cannot be set beside", "scheme_header_transformation.scheme_to_overwrite: ",
        "local_reply_config.mappers[0].filter: ", "local_reply_config.mappers[0].status_code: ",
        "local_reply_config.body_format.text_format_source: "}) {
    EXPECT_NE(errors().find(at + expected), std::string::npos) << expected << "\nin\n" << errors();
  }
}

TEST_F(ListenerTest, FieldsOfTheConnectionManagerThatAreNotImplemented) {
  with_manager(std::string(kInline) + R"(
        codec_type: HTTP3
        proxy_status_config: {}
        http3_protocol_options: {}
        original_ip_detection_extensions: [{name: x}]
)");
  const std::string at = "filter_chains[0].filters[0].typed_config.";
  for (const char* expected : {"codec_type: HTTP3 is not implemented by this build",
                               "proxy_status_config: is not implemented by this build",
                               "original_ip_detection_extensions[0].typed_config: is required"}) {
    EXPECT_NE(errors().find(at + expected), std::string::npos) << expected << "\nin\n" << errors();
  }
  EXPECT_NE(warnings().find(at + "http3_protocol_options: has no effect"), std::string::npos);
}

}  // namespace
}  // namespace remora::xds

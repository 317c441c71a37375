#include "stats/listener_filter_stats.h"

namespace remora {
namespace {

constexpr StatDef kTlsInspectorStatDefs[] = {
    {"client_hello_too_large"}, {"tls_found"}, {"tls_not_found"}, {"alpn_found"},
    {"alpn_not_found"},         {"sni_found"}, {"sni_not_found"},
};

constexpr StatDef kHttpInspectorStatDefs[] = {
    {"read_error"}, {"http10_found"}, {"http11_found"}, {"http2_found"}, {"http_not_found"},
};

constexpr StatKind kCounter = StatKind::kCounter;
constexpr std::string_view kVersionTag = "envoy_proxy_protocol_version";
constexpr StatDef kProxyProtocolStatDefs[] = {
    {"not_found_allowed"},
    {"not_found_disallowed"},
    {"versions.v1.found", kCounter, "found", kVersionTag, "1"},
    {"versions.v1.disallowed", kCounter, "disallowed", kVersionTag, "1"},
    {"versions.v1.error", kCounter, "error", kVersionTag, "1"},
    {"versions.v2.found", kCounter, "found", kVersionTag, "2"},
    {"versions.v2.disallowed", kCounter, "disallowed", kVersionTag, "2"},
    {"versions.v2.error", kCounter, "error", kVersionTag, "2"},
};

}  // namespace

StatSchema tls_inspector_stat_schema() { return kTlsInspectorStatDefs; }
ScopeName tls_inspector_scope_name() { return {"tls_inspector.", "envoy_tls_inspector_", {}, {}}; }

StatSchema http_inspector_stat_schema() { return kHttpInspectorStatDefs; }
ScopeName http_inspector_scope_name() { return {"http_inspector.", "envoy_http_inspector_", {}, {}}; }

StatSchema proxy_protocol_stat_schema() { return kProxyProtocolStatDefs; }
ScopeName proxy_protocol_scope_name() { return {"proxy_proto.", "envoy_proxy_proto_", {}, {}}; }

}  // namespace remora

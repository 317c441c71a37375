#include <google/protobuf/any.pb.h>

#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/filters/http/cors/v3/cors.pb.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "istio/build/names.h"
#include "istio/build/proto_util.h"
#include "istio/build/translate.h"

namespace remora::istio {
namespace {

using ProtoPolicy = envoy::extensions::filters::http::cors::v3::CorsPolicy;

void add_origin(const StringMatch& match, ProtoPolicy& policy) {
  auto& origin = *policy.add_allow_origin_string_match();
  switch (match.kind) {
    case StringMatch::Kind::kExact: origin.set_exact(match.value); break;
    case StringMatch::Kind::kPrefix: origin.set_prefix(match.value); break;
    case StringMatch::Kind::kRegex: origin.mutable_safe_regex()->set_regex(match.value); break;
  }
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ",") + word;
  return out;
}

ProtoPolicy cors_policy(const CorsPolicy& cors) {
  ProtoPolicy policy;
  for (const StringMatch& match : cors.allow_origins) add_origin(match, policy);
  policy.mutable_filter_enabled()->mutable_default_value()->set_numerator(100);
  policy.set_allow_methods(joined(cors.allow_methods));
  policy.set_allow_headers(joined(cors.allow_headers));
  policy.set_expose_headers(joined(cors.expose_headers));
  if (cors.max_age)
    policy.set_max_age(
        std::to_string(std::chrono::duration_cast<std::chrono::seconds>(*cors.max_age).count()));
  if (cors.allow_credentials) policy.mutable_allow_credentials()->set_value(*cors.allow_credentials);
  policy.mutable_forward_not_matching_preflights()->set_value(cors.forward_unmatched_preflights);
  return policy;
}

using ProtoFault = envoy::extensions::filters::http::fault::v3::HTTPFault;

ProtoFault fault_of(const HttpFault& fault) {
  ProtoFault out;
  if (fault.delay) {
    auto& delay = *out.mutable_delay();
    set_duration(fault.delay->fixed, *delay.mutable_fixed_delay());
    set_percentage(fault.delay->percentage, *delay.mutable_percentage());
  }
  if (fault.abort) {
    auto& abort = *out.mutable_abort();
    if (fault.abort->http_status) abort.set_http_status(*fault.abort->http_status);
    if (fault.abort->grpc_status) abort.set_grpc_status(*fault.abort->grpc_status);
    set_percentage(fault.abort->percentage, *abort.mutable_percentage());
  }
  return out;
}

}  // namespace

void apply_route_filters(const HttpRoute& http, envoy::config::route::v3::Route& route) {
  if (http.cors) (*route.mutable_typed_per_filter_config())[kCorsFilter] = pack(cors_policy(*http.cors));
  if (http.fault) (*route.mutable_typed_per_filter_config())[kFaultFilter] = pack(fault_of(*http.fault));
}

}  // namespace remora::istio

#include "kube/api_server.h"

#include <boost/json/object.hpp>

#include "kube/api.h"
#include "kube/discovery.h"
#include "kube/openapi.h"
#include "kube/status.h"
#include "kube/watch.h"

namespace remora::kube {
namespace {

using What = Target::What;
using web::Verb;

void act_on_collection(Api& api, const CallPtr& call) {
  switch (call->request().method) {
    case Verb::get:
    case Verb::head: return call->flag("watch") ? watch_objects(api, call) : list_objects(api, call);
    case Verb::post: return create_object(api, call);
    case Verb::delete_: return delete_collection(api, call);
    default: return call->refuse(method_not_allowed());
  }
}

void act_on_object(Api& api, const CallPtr& call) {
  const bool whole = call->target.subresource.empty();
  switch (call->request().method) {
    case Verb::get:
    case Verb::head: return whole && call->flag("watch") ? watch_objects(api, call) : get_object(api, call);
    case Verb::put: return update_object(api, call);
    case Verb::patch: return patch_object(api, call);
    case Verb::delete_: return whole ? delete_object(api, call) : call->refuse(method_not_allowed());
    default: return call->refuse(method_not_allowed());
  }
}

/// What kubectl accepts of OpenAPI's version 2, and what the answer is called: no media type has an @.
constexpr const char* kAcceptedV2 = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
constexpr const char* kProtobufV2 = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

void answer_document(const CallPtr& call, const std::string& text, bool for_ever,
                     const char* type = "application/json") {
  web::Response response{200, type, text};
  if (for_ever)
    response.headers.set(boost::beast::http::field::cache_control, "public, immutable, max-age=31536000");
  call->responder()->respond(std::move(response));
}

void answer_open_api(const CallPtr& call) {
  if (!call->is_read()) return call->refuse(method_not_allowed());
  const std::string& rest = call->target.rest;
  const bool is_v2 = rest == "/v2";
  if (is_v2 && call->header("Accept").find(kAcceptedV2) != std::string::npos) {
    return answer_document(call, openapi_v2_protobuf(), false, kProtobufV2);
  }
  if (!negotiate(call->header("Accept"), Offer::kJson))
    return call->refuse(not_acceptable("application/json"));
  if (is_v2) return answer_document(call, openapi_v2(), false);
  if (rest == "/v3" || rest == "/v3/") return answer_document(call, openapi_v3_index(), false);
  const std::string* document =
      rest.starts_with("/v3/") ? openapi_v3(std::string_view(rest).substr(4)) : nullptr;
  if (document == nullptr) return call->refuse(no_such_path());
  answer_document(call, *document, call->request().has_query("hash"));
}

void answer_discovery(const Api& api, const CallPtr& call) {
  if (!call->is_read()) return call->refuse(method_not_allowed());
  const What what = call->target.what;
  if (what == What::kHealth) return call->answer_text(200, "ok");
  const bool aggregated = what == What::kCore || what == What::kGroups;
  auto accept = negotiate(call->header("Accept"), aggregated ? Offer::kDiscovery : Offer::kJson);
  if (!accept) return call->refuse(not_acceptable("application/json"));
  call->accept = std::move(*accept);
  call->answer(200, what == What::kVersion ? version_info(api.build) : discovery(*call));
}

void act_on_objects(Api& api, const CallPtr& call) {
  auto accept = negotiate(call->header("Accept"), Offer::kObjects);
  if (!accept)
    return call->refuse(not_acceptable("application/json, also as a Table or as PartialObjectMetadata"));
  call->accept = std::move(*accept);
  if (const std::string dry = call->query("dryRun"); !dry.empty() && dry != "All") {
    return call->refuse(bad_request("dryRun: \"" + dry + "\" is not All"));
  }
  return call->target.name.empty() ? act_on_collection(api, call) : act_on_object(api, call);
}

}  // namespace

ApiServer::ApiServer(boost::asio::io_context& context, store::ObjectStore& store, std::string build)
    : api_(std::make_unique<Api>(Api{context, store, std::move(build)})) {}

ApiServer::~ApiServer() = default;

void ApiServer::handle(web::Request request, web::ResponderPtr responder) {
  const auto call = std::make_shared<Call>(std::move(request), std::move(responder));
  switch (call->target.what) {
    case What::kUnknown: return call->refuse(no_such_path());
    case What::kOpenApi: return answer_open_api(call);
    case What::kObjects: return act_on_objects(*api_, call);
    default: return answer_discovery(*api_, call);
  }
}

}  // namespace remora::kube

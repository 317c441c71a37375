#include "inject/admission.h"

#include <boost/beast/core/detail/base64.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "inject/injector.h"
#include "inject/json_access.h"
#include "inject/json_difference.h"

namespace remora::inject {
namespace {

namespace json = boost::json;

std::string to_base64(const std::string& text) {
  namespace base64 = boost::beast::detail::base64;
  std::string out(base64::encoded_size(text.size()), '\0');
  out.resize(base64::encode(out.data(), text.data(), text.size()));
  return out;
}

json::array text_array(const std::vector<std::string>& texts) {
  json::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

std::string answer(json::object response) {
  return json::serialize(json::object{
      {"apiVersion", "admission.k8s.io/v1"}, {"kind", "AdmissionReview"}, {"response", std::move(response)}});
}

/// A pod that is being made has often no name yet, only the beginning of one.
std::string name_of(const json::object& pod) {
  const std::string name = text_below(pod, "metadata", "name");
  return name.empty() ? text_below(pod, "metadata", "generateName") + "*" : name;
}

bool flag_of(const json::object& in, std::string_view name) {
  const json::value* value = in.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

Concerned concerned_by(const json::object& pod, const std::string& ns) {
  const json::object* metadata = find_object(pod, "metadata");
  const json::array* owners = metadata == nullptr ? nullptr : find_array(*metadata, "ownerReferences");
  for (size_t i = 0; owners != nullptr && i < owners->size(); ++i) {
    const json::object* owner = owners->at(i).if_object();
    if (owner == nullptr || !flag_of(*owner, "controller")) continue;
    return {find_text(*owner, "apiVersion"), find_text(*owner, "kind"), ns, find_text(*owner, "name"),
            find_text(*owner, "uid")};
  }
  return {"v1", "Pod", ns, text_below(pod, "metadata", "name"), text_below(pod, "metadata", "uid")};
}

/// A webhook's rules may send more than they should.
bool asks_for_a_pod(const json::object& request) {
  const std::string operation = find_text(request, "operation");
  return (operation.empty() || operation == "CREATE") && text_below(request, "kind", "kind") == "Pod" &&
         text_below(request, "kind", "group").empty() && find_text(request, "subResource").empty();
}

Reviewed refuse(json::object response, const std::string& what, const std::string& message) {
  response["allowed"] = false;
  response["status"] = json::object{{"code", 422}, {"reason", "Invalid"}, {"message", "sidecar: " + message}};
  return {.body = answer(std::move(response)),
          .summary = what + ": refused: " + message,
          .refused = true,
          .problems = {message}};
}

Reviewed admit(json::object response, const std::string& what, const json::object& pod, Injected injected) {
  Reviewed out{.injected = injected.changed, .problems = injected.warnings};
  if (injected.changed) {
    response["patchType"] = "JSONPatch";
    response["patch"] = to_base64(json::serialize(difference(pod, injected.pod)));
  } else {
    injected.warnings.push_back("no sidecar: " + injected.reason);
  }
  if (!injected.warnings.empty()) response["warnings"] = text_array(injected.warnings);
  out.body = answer(std::move(response));
  out.summary = what + ": " + (injected.changed ? "injected" : injected.reason);
  return out;
}

}  // namespace

Result<Reviewed> review(std::string_view body, const Settings& settings) {
  boost::system::error_code error;
  const json::value read = json::parse(body, error);
  if (error || !read.is_object()) return Error{"the body is no JSON object"};
  const json::object& sent = read.get_object();
  if (find_text(sent, "kind") != "AdmissionReview" ||
      find_text(sent, "apiVersion") != "admission.k8s.io/v1") {
    return Error{"the body is no AdmissionReview of admission.k8s.io/v1"};
  }
  const json::object* request = find_object(sent, "request");
  if (request == nullptr || find_text(*request, "uid").empty()) return Error{"request.uid is not set"};
  json::object response{{"uid", find_text(*request, "uid")}, {"allowed", true}};
  if (!asks_for_a_pod(*request)) {
    return Reviewed{.body = answer(std::move(response)), .summary = "no pod is made: nothing to do"};
  }
  const json::object* pod = find_object(*request, "object");
  if (pod == nullptr) return Error{"request.object is not set"};
  const std::string ns = find_text(*request, "namespace");
  const std::string what = "Pod " + ns + '/' + name_of(*pod);
  auto injected = inject_pod(*pod, settings, {"", ns});
  Reviewed out = injected.ok() ? admit(std::move(response), what, *pod, std::move(*injected))
                               : refuse(std::move(response), what, injected.error().message);
  out.dry_run = flag_of(*request, "dryRun");
  out.concerned = concerned_by(*pod, ns);
  return out;
}

}  // namespace remora::inject

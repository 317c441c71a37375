#include "kube/status.h"

#include <boost/json/array.hpp>

#include "store/metadata.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

json::array causes_of(const Refusal& refusal) {
  json::array causes;
  for (const Cause& cause : refusal.causes) {
    json::object out{{"reason", cause.type}, {"message", cause.message}};
    if (!cause.field.empty()) out["field"] = cause.field;
    causes.push_back(std::move(out));
  }
  return causes;
}

/// Field errors are told of the kind, everything else of the resource's name in the path.
json::object details_of(const Refusal& refusal, const Target& target) {
  json::object details;
  if (target.kind != nullptr) {
    if (!target.name.empty()) details["name"] = target.name;
    if (!target.kind->group.empty()) details["group"] = target.kind->group;
    details["kind"] = refusal.reason == "Invalid" ? target.kind->kind : target.kind->plural;
  }
  if (!refusal.causes.empty()) details["causes"] = causes_of(refusal);
  return details;
}

}  // namespace

json::object failure_status(const Refusal& refusal, const Target& target) {
  json::object out{{"kind", "Status"},    {"apiVersion", "v1"},         {"metadata", json::object()},
                   {"status", "Failure"}, {"message", refusal.message}, {"reason", refusal.reason}};
  // kubectl shows the message of an invalid object only where there are no details.
  if (refusal.reason != "Invalid" || !refusal.causes.empty()) out["details"] = details_of(refusal, target);
  out["code"] = refusal.code;
  return out;
}

json::object deleted_status(const store::Object& object) {
  const store::Kind* kind = store::find_kind(object.key.type);
  json::object details{
      {"name", object.key.name}, {"kind", kind->plural}, {"uid", store::metadata_text(object.body, "uid")}};
  if (!kind->group.empty()) details["group"] = kind->group;
  return {{"kind", "Status"},
          {"apiVersion", "v1"},
          {"metadata", json::object()},
          {"status", "Success"},
          {"details", std::move(details)}};
}

std::string quoted_name(const store::Kind& kind, const std::string& name) {
  return kind.type() + " \"" + name + '"';
}

Refusal not_found(const Target& target) {
  return {404, "NotFound", quoted_name(*target.kind, target.name) + " not found", {}};
}

Refusal no_such_path() { return {404, "NotFound", "the server could not find the requested resource", {}}; }

Refusal method_not_allowed() {
  return {405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {}};
}

Refusal not_acceptable(const std::string& types) {
  return {406, "NotAcceptable", "only the following media types are accepted: " + types, {}};
}

Refusal expired(const std::string& message) { return {410, "Expired", message, {}}; }

Refusal conflict(const Target& target, const std::string& why) {
  return {409,
          "Conflict",
          "Operation cannot be fulfilled on " + quoted_name(*target.kind, target.name) + ": " + why,
          {}};
}

Refusal forbidden(const Target& target, const std::string& why) {
  return {403, "Forbidden", quoted_name(*target.kind, target.name) + " is forbidden: " + why, {}};
}

Refusal defined_in_file(const Target& target, const store::Object& object) {
  return forbidden(target, "it is defined in " + object.file + "; change it there");
}

Refusal invalid(const store::Kind& kind, const std::string& name, std::vector<Cause> causes) {
  std::string message(kind.kind);
  if (!kind.group.empty()) message.append(1, '.').append(kind.group);
  message += " \"" + name + "\" is invalid: ";
  if (causes.size() > 1) message += '[';
  for (size_t i = 0; i < causes.size(); ++i) {
    if (i > 0) message += ", ";
    message += causes[i].field.empty() ? causes[i].message : causes[i].field + ": " + causes[i].message;
  }
  if (causes.size() > 1) message += ']';
  return {422, "Invalid", std::move(message), std::move(causes)};
}

Refusal from_write_error(const store::WriteError& error, const Target& target) {
  using Reason = store::WriteError::Reason;
  switch (error.reason) {
    case Reason::kNotFound: return not_found(target);
    case Reason::kAlreadyExists:
      return {409, "AlreadyExists", quoted_name(*target.kind, target.name) + " already exists", {}};
    case Reason::kConflict:
      return conflict(target, "it has changed since it was read; read it again and repeat the change");
    case Reason::kReadOnly: return forbidden(target, error.message);
    case Reason::kInvalid:
      return invalid(*target.kind, target.name, {{"FieldValueInvalid", error.message, "metadata"}});
    case Reason::kStorage: break;
  }
  return {
      500, "InternalError", "the change could not be stored, and nothing has changed: " + error.message, {}};
}

}  // namespace remora::kube

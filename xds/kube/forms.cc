#include "kube/forms.h"

#include <boost/json/array.hpp>
#include <chrono>

#include "kube/columns.h"

namespace remora::kube {
namespace {

namespace json = boost::json;
using Form = Accept::Form;

json::object metadata_of(const json::object& body) {
  const json::value* metadata = body.if_contains("metadata");
  return metadata != nullptr && metadata->is_object() ? metadata->get_object() : json::object();
}

std::string meta_version(const Call& call) { return "meta.k8s.io/" + call.accept.version; }

json::object partial(const Call& call, const store::Object& object) {
  return {{"kind", "PartialObjectMetadata"},
          {"apiVersion", meta_version(call)},
          {"metadata", metadata_of(object.body)}};
}

json::array column_definitions(const store::Kind& kind) {
  json::array out;
  out.push_back({{"name", "Name"},
                 {"type", "string"},
                 {"format", "name"},
                 {"description", "Name of the object."},
                 {"priority", 0}});
  for (const Column& column : columns_of(kind)) {
    out.push_back({{"name", column.name},
                   {"type", column.type},
                   {"format", ""},
                   {"description", column.description},
                   {"priority", column.priority}});
  }
  return out;
}

json::object row(const Call& call, const store::Object& object) {
  json::array cells{json::value(object.key.name)};
  const auto now = std::chrono::system_clock::now();
  for (const Column& column : columns_of(*call.target.kind)) cells.push_back(cell_of(column, object, now));
  json::object out{{"cells", std::move(cells)}};
  const std::string include = call.query("includeObject");
  if (include == "Object") {
    out["object"] = presented(object, call.target);
  } else if (include != "None") {
    out["object"] = partial(call, object);
  }
  return out;
}

json::object table(const Call& call, json::object metadata, bool with_columns) {
  json::object out{{"kind", "Table"}, {"apiVersion", meta_version(call)}, {"metadata", std::move(metadata)}};
  out["columnDefinitions"] =
      with_columns ? json::value(column_definitions(*call.target.kind)) : json::value();
  out["rows"] = json::array();
  return out;
}

}  // namespace

json::object presented(const store::Object& object, const Target& target) {
  json::object body = object.body;
  body["apiVersion"] = target.api_version();
  body["kind"] = target.kind->kind;
  return body;
}

json::object in_form(const Call& call, const store::Object& object, bool first) {
  if (call.accept.form == Form::kPartial) return partial(call, object);
  if (call.accept.form != Form::kTable) return presented(object, call.target);
  json::object out = table(call, {{"resourceVersion", std::to_string(object.version)}}, first);
  out["rows"].as_array().push_back(row(call, object));
  return out;
}

json::object in_form(const Call& call, const std::vector<store::ObjectPtr>& objects, json::object metadata) {
  if (call.accept.form == Form::kTable) {
    json::object out = table(call, std::move(metadata), true);
    for (const auto& object : objects) out["rows"].as_array().push_back(row(call, *object));
    return out;
  }
  const bool partly = call.accept.form == Form::kPartial;
  json::array items;
  for (const auto& object : objects) {
    items.push_back(partly ? partial(call, *object) : presented(*object, call.target));
  }
  return {{"kind", partly ? "PartialObjectMetadataList" : std::string(call.target.kind->kind) + "List"},
          {"apiVersion", partly ? meta_version(call) : call.target.api_version()},
          {"metadata", std::move(metadata)},
          {"items", std::move(items)}};
}

json::object bookmark_in_form(const Call& call, uint64_t version, bool initial_events_end) {
  json::object metadata{{"resourceVersion", std::to_string(version)}};
  if (call.accept.form == Form::kTable) return table(call, std::move(metadata), false);
  if (initial_events_end) metadata["annotations"] = json::object{{"k8s.io/initial-events-end", "true"}};
  const bool partly = call.accept.form == Form::kPartial;
  return {{"kind", partly ? "PartialObjectMetadata" : std::string(call.target.kind->kind)},
          {"apiVersion", partly ? meta_version(call) : call.target.api_version()},
          {"metadata", std::move(metadata)}};
}

}  // namespace remora::kube

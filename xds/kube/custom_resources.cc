#include "kube/custom_resources.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <string>

#include "kube/columns.h"
#include "kube/schema.h"

namespace remora::kube {
namespace {

namespace json = boost::json;
using Type = Schema::Type;

constexpr const char* kKeepUnknown = "x-kubernetes-preserve-unknown-fields";

template <typename Texts>
json::array text_array(const Texts& texts) {
  json::array out;
  for (const auto& text : texts) out.emplace_back(text);
  return out;
}

// A structural schema: OpenAPI without references, and with a type at every node that has one.
json::object structural(const Schema& schema, const std::string& description);

void write_scalar(const Schema& schema, std::string_view type, json::object& out) {
  out["type"] = type;
  if (!schema.format.empty()) out["format"] = schema.format;
  if (!schema.words.empty()) out["enum"] = text_array(schema.words);
}

void write_object(const Schema& schema, json::object& out) {
  out["type"] = "object";
  json::object properties;
  json::array required;
  for (const SchemaField& field : schema.fields) {
    json::object member = structural(*field.schema, field.description);
    if (!field.default_text.empty()) member["default"] = field.default_text;
    properties[field.name] = std::move(member);
    if (field.required) required.emplace_back(field.name);
  }
  if (!required.empty()) out["required"] = std::move(required);
  if (!properties.empty()) out["properties"] = std::move(properties);
  if (schema.atomic) out["x-kubernetes-map-type"] = "atomic";
  out[kKeepUnknown] = true;
}

void write_list(const Schema& schema, json::object& out) {
  out["type"] = "array";
  if (schema.list_type == Schema::ListType::kMap) {
    out["x-kubernetes-list-type"] = "map";
    out["x-kubernetes-list-map-keys"] = text_array(schema.keys);
  } else {
    out["x-kubernetes-list-type"] = schema.list_type == Schema::ListType::kSet ? "set" : "atomic";
  }
  out["items"] = structural(*schema.items, "");
}

json::object structural(const Schema& schema, const std::string& description) {
  json::object out;
  const std::string& text = description.empty() ? schema.description : description;
  if (!text.empty()) out["description"] = text;
  switch (schema.type) {
    case Type::kAny: out[kKeepUnknown] = true; break;
    case Type::kString: write_scalar(schema, "string", out); break;
    case Type::kInteger: write_scalar(schema, "integer", out); break;
    case Type::kNumber: write_scalar(schema, "number", out); break;
    case Type::kBoolean: write_scalar(schema, "boolean", out); break;
    case Type::kIntOrString: out["x-kubernetes-int-or-string"] = true; break;
    case Type::kObject: write_object(schema, out); break;
    case Type::kMap:
      out["type"] = "object";
      out["additionalProperties"] = structural(*schema.items, "");
      break;
    case Type::kList: write_list(schema, out); break;
  }
  return out;
}

/// The whole object. What is common to all objects is the API server's own business, and it keeps what it
/// does not know of the top level to itself.
json::object whole(const Schema& schema) {
  json::object out = structural(schema, "");
  out.erase(kKeepUnknown);
  auto& properties = out["properties"].as_object();
  properties["metadata"] = json::object{{"type", "object"}};
  return out;
}

/// Columns that only a program can compute are left to the program.
json::array printer_columns(const store::Kind& kind) {
  json::array out;
  for (const Column& column : columns_of(kind)) {
    const bool age = column.name == "Age";
    if (column.path.empty() && !age) continue;
    json::object entry{{"name", column.name},
                       {"type", age ? "date" : column.type},
                       {"description", column.description},
                       {"jsonPath", age ? ".metadata.creationTimestamp" : "." + std::string(column.path)}};
    if (column.priority > 0) entry["priority"] = column.priority;
    out.push_back(std::move(entry));
  }
  return out;
}

json::object names_of(const store::Kind& kind) {
  json::object names{{"kind", kind.kind},
                     {"listKind", std::string(kind.kind) + "List"},
                     {"plural", kind.plural},
                     {"singular", kind.singular}};
  if (!kind.short_names.empty()) names["shortNames"] = text_array(kind.short_names);
  if (!kind.categories.empty()) names["categories"] = text_array(kind.categories);
  return names;
}

json::array versions_of(const store::Kind& kind) {
  json::array out;
  for (const std::string_view version : kind.versions) {
    json::object entry{{"name", version}, {"served", true}, {"storage", version == kind.versions.front()}};
    if (kind.has_status) entry["subresources"] = json::object{{"status", json::object{}}};
    if (json::array columns = printer_columns(kind); !columns.empty()) {
      entry["additionalPrinterColumns"] = std::move(columns);
    }
    entry["schema"] = json::object{{"openAPIV3Schema", whole(schema_of(kind))}};
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace

bool is_custom(const store::Kind& kind) {
  return kind.group.find('.') != std::string_view::npos && !kind.group.ends_with(".k8s.io");
}

json::object custom_resource_definition(const store::Kind& kind) {
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata", {{"name", kind.type()}, {"labels", {{"app.kubernetes.io/part-of", "remora"}}}}},
          {"spec",
           {{"group", kind.group},
            {"scope", kind.namespaced ? "Namespaced" : "Cluster"},
            {"names", names_of(kind)},
            {"versions", versions_of(kind)}}}};
}

std::vector<json::object> custom_resource_definitions() {
  std::vector<json::object> out;
  for (const store::Kind& kind : store::kinds()) {
    if (is_custom(kind)) out.push_back(custom_resource_definition(kind));
  }
  return out;
}

}  // namespace remora::kube

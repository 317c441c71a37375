#include "kube/openapi_schema.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <vector>

namespace remora::kube {
namespace {

namespace json = boost::json;
using Type = Schema::Type;

constexpr std::string_view kObjectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
constexpr std::string_view kListMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";
constexpr std::string_view kIntOrString = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";

const SchemaPtr& object_meta() {
  static const SchemaPtr kSchema = schema_of(store::kinds().front()).find("metadata")->schema;
  return kSchema;
}

json::array text_array(const std::vector<std::string>& texts) {
  json::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

class Writer {
 public:
  explicit Writer(OpenApiVersion openapi) : openapi_(openapi) {}

  /// `description` is a field's own; a schema's stands in for it.
  json::object write(const Schema& schema, const std::string& description = {}) const {
    json::object out;
    const std::string& text = description.empty() ? schema.description : description;
    if (!text.empty()) out["description"] = text;
    switch (schema.type) {
      case Type::kAny: out["x-kubernetes-preserve-unknown-fields"] = true; break;
      case Type::kString: write_scalar(schema, "string", out); break;
      case Type::kInteger: write_scalar(schema, "integer", out); break;
      case Type::kNumber: write_scalar(schema, "number", out); break;
      case Type::kBoolean: write_scalar(schema, "boolean", out); break;
      case Type::kIntOrString: refer(kIntOrString, out); break;
      case Type::kObject: write_object(schema, out); break;
      case Type::kMap: write_map(schema, out); break;
      case Type::kList: write_list(schema, out); break;
    }
    return out;
  }

  json::object field(const SchemaField& field) const {
    if (field.schema == object_meta()) {
      json::object out{{"description", field.description}};
      refer(kObjectMeta, out);
      return out;
    }
    json::object out = write(*field.schema, field.description);
    if (!field.default_text.empty()) out["default"] = field.default_text;
    return out;
  }

  /// A reference beside other members: version 3 wants it wrapped.
  void refer(std::string_view component, json::object& out) const {
    json::object target = reference(component, openapi_);
    if (openapi_ == OpenApiVersion::kV3) {
      out["allOf"] = json::array{std::move(target)};
    } else {
      out["$ref"] = target["$ref"];
    }
  }

 private:
  static void write_scalar(const Schema& schema, std::string_view type, json::object& out) {
    out["type"] = type;
    if (!schema.format.empty()) out["format"] = schema.format;
    if (!schema.words.empty()) out["enum"] = text_array(schema.words);
  }

  void write_object(const Schema& schema, json::object& out) const {
    out["type"] = "object";
    json::object properties;
    json::array required;
    for (const SchemaField& member : schema.fields) {
      properties[member.name] = field(member);
      if (member.required) required.emplace_back(member.name);
    }
    if (!properties.empty()) out["properties"] = std::move(properties);
    if (!required.empty()) out["required"] = std::move(required);
    if (schema.open) out["x-kubernetes-preserve-unknown-fields"] = true;
    if (schema.atomic) out["x-kubernetes-map-type"] = "atomic";
    if (schema.retain_keys) out["x-kubernetes-patch-strategy"] = "retainKeys";
  }

  void write_map(const Schema& schema, json::object& out) const {
    out["type"] = "object";
    out["additionalProperties"] = write(*schema.items);
    if (schema.atomic) out["x-kubernetes-map-type"] = "atomic";
  }

  void write_list(const Schema& schema, json::object& out) const {
    out["type"] = "array";
    out["items"] = write(*schema.items);
    switch (schema.list_type) {
      case Schema::ListType::kAtomic: out["x-kubernetes-list-type"] = "atomic"; break;
      case Schema::ListType::kSet:
        out["x-kubernetes-list-type"] = "set";
        out["x-kubernetes-patch-strategy"] = "merge";
        break;
      case Schema::ListType::kMap:
        out["x-kubernetes-list-type"] = "map";
        out["x-kubernetes-list-map-keys"] = text_array(schema.keys);
        out["x-kubernetes-patch-merge-key"] = schema.merge_key;
        out["x-kubernetes-patch-strategy"] = schema.retain_keys ? "merge,retainKeys" : "merge";
        break;
    }
  }

  const OpenApiVersion openapi_;
};

json::object text_field(std::string_view description) {
  return {{"description", description}, {"type", "string"}};
}

}  // namespace

std::string component_name(const store::Kind& kind, std::string_view version) {
  std::string name;
  if (kind.group.empty() || kind.group == "apps") {
    name = "io.k8s.api." + std::string(kind.group.empty() ? "core" : kind.group);
  } else {
    std::string_view rest = kind.group;
    for (size_t dot = rest.rfind('.'); dot != std::string_view::npos; dot = rest.rfind('.')) {
      name.append(rest.substr(dot + 1)).append(1, '.');
      rest = rest.substr(0, dot);
    }
    name += rest;
  }
  return name.append(1, '.').append(version).append(1, '.').append(kind.kind);
}

json::object group_version_kind(const store::Kind& kind, std::string_view version, std::string_view suffix) {
  return {
      {"group", kind.group}, {"kind", std::string(kind.kind) + std::string(suffix)}, {"version", version}};
}

json::object reference(std::string_view component, OpenApiVersion openapi) {
  const char* where = openapi == OpenApiVersion::kV2 ? "#/definitions/" : "#/components/schemas/";
  return {{"$ref", where + std::string(component)}};
}

json::object openapi_schema(const store::Kind& kind, std::string_view version, OpenApiVersion openapi) {
  json::object out = Writer(openapi).write(schema_of(kind));
  out["x-kubernetes-group-version-kind"] = json::array{group_version_kind(kind, version)};
  return out;
}

json::object openapi_list_schema(const store::Kind& kind, std::string_view version, OpenApiVersion openapi) {
  json::object metadata{{"description", "About the list as a whole."}};
  Writer(openapi).refer(kListMeta, metadata);
  return {{"description", "A list of objects of kind " + std::string(kind.kind) + '.'},
          {"type", "object"},
          {"required", json::array{"items"}},
          {"properties",
           {{"apiVersion", text_field("The group and version that the list is written in.")},
            {"kind", text_field("The kind of list.")},
            {"metadata", std::move(metadata)},
            {"items",
             {{"description", "The objects."},
              {"type", "array"},
              {"items", reference(component_name(kind, version), openapi)}}}}},
          {"x-kubernetes-group-version-kind", json::array{group_version_kind(kind, version, "List")}}};
}

json::object shared_components(OpenApiVersion openapi) {
  const Writer writer(openapi);
  json::object list_meta{{"description", "About a list as a whole."},
                         {"type", "object"},
                         {"properties",
                          {{"resourceVersion", text_field("The version of the store that the list shows.")},
                           {"continue", text_field("Where a shortened list goes on.")},
                           {"remainingItemCount", {{"type", "integer"}, {"format", "int64"}}},
                           {"selfLink", text_field("Not set any more.")}}}};
  json::object int_or_string{{"description", "A whole number or a text."}, {"format", "int-or-string"}};
  if (openapi == OpenApiVersion::kV2) {
    int_or_string["type"] = "string";
  } else {
    int_or_string["oneOf"] = json::array{{{"type", "integer"}}, {{"type", "string"}}};
  }
  json::object out;
  out[kObjectMeta] = writer.write(*object_meta());
  out[kListMeta] = std::move(list_meta);
  out[kIntOrString] = std::move(int_or_string);
  return out;
}

}  // namespace remora::kube

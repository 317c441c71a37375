#include "kube/openapi_paths.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <initializer_list>
#include <string>

namespace remora::kube {
namespace {

namespace json = boost::json;

struct Parameter {
  const char* name;
  const char* type;
  const char* description;
};

constexpr Parameter kDryRun{"dryRun", "string", "All: everything but storing it."};
constexpr Parameter kFieldManager{"fieldManager", "string", "Who the changed fields belong to."};
constexpr Parameter kFieldValidation{"fieldValidation", "string",
                                     "What becomes of unknown fields: Ignore, Warn or Strict."};
constexpr Parameter kForce{"force", "boolean", "Whether server-side apply takes fields from their owners."};
constexpr Parameter kLabelSelector{"labelSelector", "string", "Only objects with these labels."};
constexpr Parameter kFieldSelector{"fieldSelector", "string", "Only objects with these fields."};
constexpr Parameter kResourceVersion{"resourceVersion", "string", "Where a watch begins."};
constexpr Parameter kWatch{"watch", "boolean", "Whether changes follow as they happen."};
constexpr Parameter kBookmarks{"allowWatchBookmarks", "boolean", "Whether a watch may tell how far it is."};
constexpr Parameter kTimeout{"timeoutSeconds", "integer", "When a watch ends."};
constexpr Parameter kNamespace{"namespace", "string", "The namespace."};
constexpr Parameter kName{"name", "string", "The object's name."};

class PathWriter {
 public:
  PathWriter(const store::Kind& kind, std::string_view version, OpenApiVersion openapi)
      : kind_(kind),
        version_(version),
        openapi_(openapi) {}

  json::object collection() const {
    return {{"get", operation("list", {kLabelSelector, kFieldSelector, kResourceVersion, kWatch, kBookmarks,
                                       kTimeout})}};
  }
  json::object creatable() const {
    json::object path = collection();
    path["post"] = operation("create", {kDryRun, kFieldManager, kFieldValidation});
    return path;
  }
  json::object item(bool removable) const {
    json::object path{{"get", operation("get", {})},
                      {"put", operation("update", {kDryRun, kFieldManager, kFieldValidation})},
                      {"patch", operation("patch", {kDryRun, kFieldManager, kFieldValidation, kForce})}};
    if (removable) path["delete"] = operation("delete", {kDryRun});
    return path;
  }
  json::value placeholder(const Parameter& parameter) const { return write(parameter, "path"); }

 private:
  json::value write(const Parameter& parameter, std::string_view in) const {
    json::object out{{"name", parameter.name}, {"in", in}, {"description", parameter.description}};
    if (in == "path") out["required"] = true;
    if (openapi_ == OpenApiVersion::kV2) {
      out["type"] = parameter.type;
    } else {
      out["schema"] = {{"type", parameter.type}};
    }
    return out;
  }

  json::object operation(std::string_view action, std::initializer_list<Parameter> parameters) const {
    json::array list;
    for (const Parameter& parameter : parameters) list.push_back(write(parameter, "query"));
    const bool is_list = action == "list";
    json::object schema = reference(component_name(kind_, version_) + (is_list ? "List" : ""), openapi_);
    json::object answer{{"description", "OK"}};
    if (openapi_ == OpenApiVersion::kV2) {
      answer["schema"] = std::move(schema);
    } else {
      answer["content"] = {{"application/json", {{"schema", std::move(schema)}}}};
    }
    return {{"operationId", std::string(action) + std::string(kind_.kind)},
            {"parameters", std::move(list)},
            {"responses", {{"200", std::move(answer)}}},
            {"x-kubernetes-action", action == "create"   ? "post"
                                    : action == "update" ? "put"
                                                         : action},
            {"x-kubernetes-group-version-kind", group_version_kind(kind_, version_)}};
  }

  const store::Kind& kind_;
  const std::string_view version_;
  const OpenApiVersion openapi_;
};

}  // namespace

std::string group_version_path(const store::Kind& kind, std::string_view version) {
  const std::string group = kind.group.empty() ? "api" : "apis/" + std::string(kind.group);
  return group + '/' + std::string(version);
}

void add_paths(const store::Kind& kind, std::string_view version, OpenApiVersion openapi,
               json::object& paths) {
  const PathWriter writer(kind, version, openapi);
  const std::string root = '/' + group_version_path(kind, version) + '/';
  const std::string plural(kind.plural);
  const std::string where = root + (kind.namespaced ? "namespaces/{namespace}/" : "") + plural;
  json::array placeholders;
  if (kind.namespaced) {
    paths[root + plural] = writer.collection();
    placeholders.push_back(writer.placeholder(kNamespace));
  }
  const auto add = [&](const std::string& path, json::object operations) {
    if (!placeholders.empty()) operations["parameters"] = placeholders;
    paths[path] = std::move(operations);
  };
  add(where, writer.creatable());
  placeholders.push_back(writer.placeholder(kName));
  add(where + "/{name}", writer.item(true));
  if (kind.has_status) add(where + "/{name}/status", writer.item(false));
}

}  // namespace remora::kube

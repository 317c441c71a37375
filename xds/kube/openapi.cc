#include "kube/openapi.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <map>

#include "kube/openapi_paths.h"
#include "kube/openapi_protobuf.h"
#include "kube/openapi_schema.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

using Documents = std::map<std::string, std::string, std::less<>>;

json::object info() { return {{"title", "Remora"}, {"version", "v1"}}; }

void add_components(const store::Kind& kind, std::string_view version, OpenApiVersion openapi,
                    json::object& components) {
  const std::string name = component_name(kind, version);
  components[name] = openapi_schema(kind, version, openapi);
  components[name + "List"] = openapi_list_schema(kind, version, openapi);
}

Documents make_documents() {
  struct Parts {
    json::object paths;
    json::object components = shared_components(OpenApiVersion::kV3);
  };
  std::map<std::string, Parts> parts;
  for (const store::Kind& kind : store::kinds()) {
    for (const std::string_view version : kind.versions) {
      Parts& part = parts[group_version_path(kind, version)];
      add_paths(kind, version, OpenApiVersion::kV3, part.paths);
      add_components(kind, version, OpenApiVersion::kV3, part.components);
    }
  }
  Documents documents;
  for (auto& [path, part] : parts) {
    documents[path] =
        json::serialize(json::object{{"openapi", "3.0.0"},
                                     {"info", info()},
                                     {"paths", std::move(part.paths)},
                                     {"components", {{"schemas", std::move(part.components)}}}});
  }
  return documents;
}

const Documents& documents() {
  static const Documents kDocuments = make_documents();
  return kDocuments;
}

/// FNV-1a: equal texts have equal hashes, from one run to the next as well.
std::string hash_of(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789ABCDEF"[(hash >> shift) & 15];
  return out;
}

std::string make_index() {
  json::object paths;
  for (const auto& [path, text] : documents()) {
    paths[path] = {{"serverRelativeURL", "/openapi/v3/" + path + "?hash=" + hash_of(text)}};
  }
  return json::serialize(json::object{{"paths", std::move(paths)}});
}

json::object make_v2() {
  json::object paths;
  json::object definitions = shared_components(OpenApiVersion::kV2);
  for (const store::Kind& kind : store::kinds()) {
    for (const std::string_view version : kind.versions) {
      add_paths(kind, version, OpenApiVersion::kV2, paths);
      add_components(kind, version, OpenApiVersion::kV2, definitions);
    }
  }
  return {{"swagger", "2.0"},
          {"info", info()},
          {"paths", std::move(paths)},
          {"definitions", std::move(definitions)}};
}

}  // namespace

const std::string& openapi_v2() {
  static const std::string kText = json::serialize(make_v2());
  return kText;
}

const std::string& openapi_v2_protobuf() {
  static const std::string kBytes = openapi_protobuf(make_v2());
  return kBytes;
}

const std::string& openapi_v3_index() {
  static const std::string kText = make_index();
  return kText;
}

const std::string* openapi_v3(std::string_view path) {
  const auto found = documents().find(path);
  return found == documents().end() ? nullptr : &found->second;
}

}  // namespace remora::kube

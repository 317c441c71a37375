#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "ctl/api.h"
#include "ctl/resources.h"
#include "istio/text/value.h"

namespace remora::ctl {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

bool is_manifest(const fs::path& path) {
  return path.extension() == ".yaml" || path.extension() == ".yml" || path.extension() == ".json";
}

/// The files that a name means: a folder's manifests by name, or the file itself.
Result<std::vector<std::string>> files_of(const std::string& name, bool recursive) {
  std::error_code error;
  if (name == "-" || !fs::is_directory(name, error)) return std::vector<std::string>{name};
  std::vector<std::string> files;
  const auto take = [&](const fs::directory_entry& entry) {
    if (entry.is_regular_file() && is_manifest(entry.path())) files.push_back(entry.path().string());
  };
  if (recursive) {
    for (const auto& entry : fs::recursive_directory_iterator(name, error)) take(entry);
  } else {
    for (const auto& entry : fs::directory_iterator(name, error)) take(entry);
  }
  if (error) return Error{name + ": " + error.message()};
  if (files.empty()) return Error{name + " holds no .yaml, .yml or .json file"};
  std::sort(files.begin(), files.end());
  return files;
}

Result<std::string> contents_of(const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file) return Error{"the path \"" + path + "\" cannot be read"};
  return text;
}

Result<Manifest> manifest_of(const json::value& value, const std::string& source,
                             const std::string& wanted_ns) {
  if (!value.is_object()) return Error{source + ": is no object"};
  const std::string api_version = text_at(value, "/apiVersion");
  const std::string kind_name = text_at(value, "/kind");
  if (api_version.empty() || kind_name.empty()) return Error{source + ": apiVersion or kind is not set"};
  Manifest manifest;
  manifest.kind = store::find_kind(api_version, kind_name);
  if (manifest.kind == nullptr) {
    return Error{source + ": no matches for kind \"" + kind_name + "\" in version \"" + api_version + "\""};
  }
  manifest.source = source;
  manifest.body = value.as_object();
  manifest.version = api_version.substr(api_version.find('/') + 1);  // all of it where there is no slash
  manifest.name = text_at(value, "/metadata/name");
  if (manifest.name.empty()) return Error{source + ": metadata.name is not set"};
  if (!manifest.kind->namespaced) return manifest;
  const std::string own_ns = text_at(value, "/metadata/namespace");
  if (!own_ns.empty() && !wanted_ns.empty() && own_ns != wanted_ns) {
    return Error{source + ": the namespace from the provided object \"" + own_ns +
                 "\" does not match the namespace \"" + wanted_ns + "\""};
  }
  manifest.ns = !own_ns.empty() ? own_ns : wanted_ns.empty() ? "default" : wanted_ns;
  return manifest;
}

/// One document: an object, or a list of them.
Result<void> add(const istio::Value& document, const std::string& file, const std::string& ns,
                 std::vector<Manifest>& manifests) {
  const istio::Value* kind = document.find("kind");
  const istio::Value* items = document.find("items");
  if (kind != nullptr && kind->text.ends_with("List") && items != nullptr) {
    for (const istio::Value& item : items->items) {
      auto added = add(item, file, ns, manifests);
      if (!added.ok()) return added;
    }
    return {};
  }
  boost::system::error_code error;
  const json::value value = json::parse(istio::to_json(document), error);
  if (error) return Error{file + ":" + std::to_string(document.line) + ": " + error.message()};
  auto manifest = manifest_of(value, file + ":" + std::to_string(document.line), ns);
  if (!manifest.ok()) return Error{manifest.error()};
  manifests.push_back(std::move(*manifest));
  return {};
}

Result<void> add_file(const std::string& path, const std::string& ns, std::vector<Manifest>& manifests) {
  const auto text = contents_of(path);
  if (!text.ok()) return Error{text.error()};
  const std::string file = path == "-" ? "<stdin>" : path;
  const auto read = istio::read_documents(*text);
  if (const auto* fault = std::get_if<istio::SyntaxError>(&read)) {
    return Error{"error parsing " + file + ":" + std::to_string(fault->line) + ": " + fault->message};
  }
  for (const istio::Value& document : std::get<0>(read)) {
    auto added = add(document, file, ns, manifests);
    if (!added.ok()) return added;
  }
  return {};
}

}  // namespace

Result<std::vector<Manifest>> read_manifests(const Arguments& arguments) {
  std::vector<Manifest> manifests;
  for (const std::string& name : arguments.all("--filename")) {
    const auto files = files_of(name, arguments.has("--recursive"));
    if (!files.ok()) return Error{files.error()};
    for (const std::string& file : *files) {
      const auto added = add_file(file, arguments.get("--namespace"), manifests);
      if (!added.ok()) return Error{added.error()};
    }
  }
  if (manifests.empty()) return Error{"no objects passed"};
  return manifests;
}

}  // namespace remora::ctl

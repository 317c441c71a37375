#include "store/object_files.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "store/durable_file.h"
#include "store/kinds.h"
#include "store/metadata.h"
#include "store/yaml.h"

namespace remora::store {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr const char* kClusterWide = "_";
constexpr const char* kFileField = "file";  // of what we note about a manifest's object

}  // namespace

std::string ObjectFiles::path_of(const ObjectKey& key, bool of_manifest) const {
  return root(of_manifest) + '/' + key.type + '/' + (key.ns.empty() ? kClusterWide : key.ns) + '/' +
         key.name + ".yaml";
}

std::optional<ObjectKey> ObjectFiles::key_of(const std::string& path) const {
  const fs::path place(path);
  const fs::path ns = place.parent_path();
  const fs::path type = ns.parent_path();
  ObjectKey key{type.filename().string(), ns.filename().string(), place.stem().string()};
  if (place.extension() != ".yaml" || find_kind(key.type) == nullptr) return std::nullopt;
  if (key.ns == kClusterWide) key.ns.clear();
  if (path_of(key, false) != path && path_of(key, true) != path) return std::nullopt;
  return key;
}

Result<void> ObjectFiles::save(const Object& object) {
  if (object.file.empty()) return replace_file(path_of(object.key), to_yaml(object.body));
  json::object note = object.body;
  note[kFileField] = object.file;
  return replace_file(path_of(object.key, true), to_yaml(note));
}

Result<void> ObjectFiles::erase(const Object& object) {
  return remove_file(path_of(object.key, !object.file.empty()));
}

Result<std::vector<std::string>> ObjectFiles::find(bool of_manifests) const {
  std::vector<std::string> paths;
  std::error_code error;
  const fs::path top(root(of_manifests));
  if (of_manifests && !fs::exists(top, error)) return paths;
  fs::recursive_directory_iterator entry(top, error);
  for (const fs::recursive_directory_iterator end; !error && entry != end; entry.increment(error)) {
    const fs::path& path = entry->path();
    const bool hidden = path.filename().string().starts_with('.');
    if (entry->is_directory(error)) {
      if (hidden || entry.depth() > 1) entry.disable_recursion_pending();
    } else if (hidden && path.extension() == ".draft") {
      fs::remove(path, error);
    } else if (key_of(path.string())) {
      paths.push_back(path.string());
    }
  }
  if (error) return Error{"cannot look through " + top.string() + ": " + error.message()};
  std::sort(paths.begin(), paths.end());
  return paths;
}

Result<Object> read_object(const std::string& text, const ObjectKey& key) {
  auto value = from_yaml(text);
  if (!value.ok()) return Error{value.error()};
  if (!value->is_object()) return Error{"is no object"};
  Object object{key, 0, std::move(value->get_object()), {}};
  const auto text_of = [&](std::string_view field) {
    const json::value* found = object.body.if_contains(field);
    return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
  };
  const Kind* kind = find_kind(text_of("apiVersion"), text_of("kind"));
  if (kind == nullptr || kind->type() != key.type) {
    return Error{"is a \"" + text_of("kind") + "\" of \"" + text_of("apiVersion") +
                 "\", but lies among the " + key.type};
  }
  if (metadata_text(object.body, "name") != key.name) return Error{"metadata.name is not the file's name"};
  const std::string ns = metadata_text(object.body, "namespace");
  if (!ns.empty() && ns != key.ns) return Error{"metadata.namespace is not the folder's name"};
  const std::string version = metadata_text(object.body, "resourceVersion");
  std::from_chars(version.data(), version.data() + version.size(), object.version);
  object.file = text_of(kFileField);
  object.body.erase(kFileField);
  return object;
}

}  // namespace remora::store

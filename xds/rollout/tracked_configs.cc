#include "rollout/tracked_configs.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "rollout/json_fields.h"
#include "rollout/pod_template.h"

namespace remora::rollout {
namespace {

namespace json = boost::json;

constexpr const char* kTrackingAnnotation = "flagger.app/config-tracking";
/// What makes the contents of a ConfigMap or Secret, and with the type all that a copy needs.
constexpr std::array<const char*, 3> kContents{"data", "binaryData", "stringData"};

bool opted_out(const json::object& body) {
  const json::object& annotations = part_of(part_of(body, "metadata"), "annotations");
  return text_of(annotations, kTrackingAnnotation).starts_with("disable");
}

bool pods_read(const json::object& secret) {
  static constexpr std::array<std::string_view, 5> kTypes{"", "Opaque", "kubernetes.io/basic-auth",
                                                          "kubernetes.io/ssh-auth", "kubernetes.io/tls"};
  return std::ranges::find(kTypes, text_of(secret, "type")) != kTypes.end();
}

/// Not to be turned round, since it stands in a status that more people read than the Secret.
std::string checksum_of(const json::object& body) {
  std::map<std::string, std::string> contents;
  for (const char* part : kContents) {
    const auto* members = object_of(body, part);
    if (members == nullptr) continue;
    for (const auto& item : *members)
      contents[std::string(part) + '/' + std::string(item.key())] = json::serialize(item.value());
  }
  std::string text;
  for (const auto& [name, value] : contents) text += json::serialize(json::string(name)) + value;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (size_t i = 0; i < 8; ++i) {
    out += kHex[digest[i] >> 4U];
    out += kHex[digest[i] & 15U];
  }
  return out;
}

/// Whether it is a Secret, and its name: whether pods need it.
std::map<std::pair<bool, std::string>, bool> names_in(const json::object& pod_template) {
  std::map<std::pair<bool, std::string>, bool> named;
  json::object places = part_of(pod_template, "spec");
  visit_configs(places, [&](bool secret, json::value& name, bool required) {
    bool& needed = named[{secret, std::string(name.get_string())}];
    needed = needed || required;
  });
  return named;
}

store::ObjectKey key_of(const std::string& ns, const std::pair<bool, std::string>& what) {
  return {what.first ? "secrets" : "configmaps", ns, what.second};
}

}  // namespace

bool TrackedConfigs::has(bool secret, std::string_view name) const {
  return std::any_of(items.begin(), items.end(), [&](const TrackedConfig& item) {
    return item.secret == secret && item.object->key.name == name;
  });
}

std::map<std::string, std::string> TrackedConfigs::checksums() const {
  std::map<std::string, std::string> out;
  for (const TrackedConfig& item : items) out[item.name()] = item.checksum;
  return out;
}

std::vector<store::ObjectKey> named_configs(const std::string& ns, const json::object& pod_template) {
  std::vector<store::ObjectKey> keys;
  for (const auto& item : names_in(pod_template)) {
    const store::ObjectKey key = key_of(ns, item.first);
    keys.push_back(key);
    keys.push_back({key.type, ns, key.name + "-primary"});
  }
  return keys;
}

TrackedConfigs find_tracked_configs(const KnownConfigs& known, const std::string& ns,
                                    const json::object& pod_template) {
  TrackedConfigs found;
  for (const auto& [what, required] : names_in(pod_template)) {
    const store::ObjectKey key = key_of(ns, what);
    const store::ObjectPtr object = known.get(key);
    if (!object) {
      const std::string fault = known.fault(key);
      if ((!required && fault.empty()) || !found.missing.empty()) continue;
      found.missing = std::string(what.first ? "Secret " : "ConfigMap ") + ns + '/' + what.second +
                      (fault.empty() ? " does not exist" : " cannot be read: " + fault);
      continue;
    }
    if (opted_out(object->body) || (what.first && !pods_read(object->body))) continue;
    found.items.push_back({object, what.first, checksum_of(object->body)});
  }
  return found;
}

json::object primary_config(const TrackedConfig& config, const store::Object* present,
                            const json::object& owner) {
  json::object body = present == nullptr ? json::object() : present->body;
  body["apiVersion"] = "v1";
  body["kind"] = config.secret ? "Secret" : "ConfigMap";
  json::object& metadata = object_in(body, "metadata");
  metadata["name"] = config.object->key.name + "-primary";
  metadata["namespace"] = config.object->key.ns;
  json::array owners{owner};
  if (const auto* others = array_of(metadata, "ownerReferences")) {
    // Two Canaries may read the same one: it stays until both are gone, and only one owner may control it.
    for (const auto& other : *others) {
      if (!other.is_object() || text_of(other.get_object(), "uid") == text_of(owner, "uid")) continue;
      owners.push_back(other);
      owners.back().get_object()["controller"] = false;
    }
  }
  metadata["ownerReferences"] = std::move(owners);
  for (const char* part : {"type", "data", "binaryData", "stringData"}) {
    if (config.object->body.contains(part)) {
      body[part] = config.object->body.at(part);
    } else {
      body.erase(part);
    }
  }
  return body;
}

}  // namespace remora::rollout

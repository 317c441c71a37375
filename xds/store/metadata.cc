#include "store/metadata.h"

#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <boost/json/value.hpp>
#include <cstdio>
#include <ctime>

namespace remora::store {
namespace {

namespace json = boost::json;

json::object& metadata_of(json::object& body) {
  json::value& metadata = body["metadata"];
  return metadata.is_object() ? metadata.get_object() : metadata.emplace_object();
}

bool same_without(const json::object& a, const json::object& b, std::string_view without,
                  std::string_view also_without) {
  const auto counts = [&](std::string_view name) { return name != without && name != also_without; };
  size_t fields = 0;
  for (const auto& field : a) {
    if (!counts(field.key())) continue;
    ++fields;
    const json::value* other = b.if_contains(field.key());
    if (other == nullptr || *other != field.value()) return false;
  }
  size_t others = 0;
  for (const auto& field : b) others += counts(field.key()) ? 1 : 0;
  return fields == others;
}

using Uuid = std::array<unsigned char, 16>;

std::string uuid_text(Uuid bytes, unsigned version) {
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0F) | (version << 4));
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3F) | 0x80);
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    constexpr const char* kDigits = "0123456789abcdef";
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace

std::string make_uid() {
  Uuid bytes{};
  RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
  return uuid_text(bytes, 4);
}

std::string uid_of(const ObjectKey& key, const std::string& file) {
  const std::string name = key.text() + '\n' + file;
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(name.data()), name.size(), digest.data());
  Uuid bytes{};
  std::copy_n(digest.begin(), bytes.size(), bytes.begin());
  return uuid_text(bytes, 8);
}

std::string timestamp_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

std::string metadata_text(const json::object& body, std::string_view field) {
  const json::value* metadata = body.if_contains("metadata");
  if (metadata == nullptr || !metadata->is_object()) return {};
  const json::value* value = metadata->get_object().if_contains(field);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

int64_t generation_of(const json::object& body) {
  const json::value* metadata = body.if_contains("metadata");
  if (metadata == nullptr || !metadata->is_object()) return 0;
  const json::value* value = metadata->get_object().if_contains("generation");
  if (value == nullptr) return 0;
  boost::system::error_code error;
  const auto number = value->to_number<int64_t>(error);
  return error ? 0 : number;
}

bool same_but_metadata_and_status(const json::object& a, const json::object& b) {
  return same_without(a, b, "metadata", "status");
}

bool same_but_version(const json::object& a, const json::object& b) {
  if (!same_without(a, b, "metadata", "metadata")) return false;
  const json::value* left = a.if_contains("metadata");
  const json::value* right = b.if_contains("metadata");
  if (left == nullptr || right == nullptr || !left->is_object() || !right->is_object()) return left == right;
  return same_without(left->get_object(), right->get_object(), "resourceVersion", "resourceVersion");
}

void stamp(Object& object, const std::string& uid, const std::string& created, int64_t generation) {
  json::object& metadata = metadata_of(object.body);
  metadata["name"] = object.key.name;
  if (object.key.ns.empty()) {
    metadata.erase("namespace");
  } else {
    metadata["namespace"] = object.key.ns;
  }
  metadata["uid"] = uid;
  metadata["creationTimestamp"] = created;
  // Kubernetes counts generations of what has a controller or a definition of its own, not of the core kinds.
  const bool counted = object.key.type.find('.') != std::string::npos;
  if (counted) {
    metadata["generation"] = generation;
  } else {
    metadata.erase("generation");
  }
  metadata.erase("selfLink");
}

void set_version(Object& object, uint64_t version) {
  object.version = version;
  metadata_of(object.body)["resourceVersion"] = std::to_string(version);
}

}  // namespace remora::store

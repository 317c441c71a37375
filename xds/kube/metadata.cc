#include "kube/metadata.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "kube/status.h"
#include "store/metadata.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

constexpr size_t kMaxAnnotationBytes = 256 * 1024;  // all of an object's, as in Kubernetes

std::string text_of(const json::object& body, std::string_view field) {
  const json::value* value = body.if_contains(field);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool letter_or_digit(char c) { return lower_or_digit(c) || (c >= 'A' && c <= 'Z'); }

/// RFC 1123: labels of lower-case letters, digits and dashes, joined by dots.
bool is_subdomain(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  char last = '.';
  for (const char c : name) {
    if (!lower_or_digit(c) && (last == '.' || (c != '-' && c != '.'))) return false;
    if (c == '.' && last == '-') return false;
    last = c;
  }
  return lower_or_digit(last);
}

/// RFC 1035: what a Service's name must be, since it is a label of DNS names.
bool is_service_name(std::string_view name) {
  return name.size() <= 63 && name.find('.') == std::string_view::npos && is_subdomain(name) &&
         !(name[0] >= '0' && name[0] <= '9');
}

bool is_qualified_part(std::string_view part) {
  return !part.empty() && part.size() <= 63 && letter_or_digit(part.front()) &&
         letter_or_digit(part.back()) && std::all_of(part.begin(), part.end(), [](char c) {
           return letter_or_digit(c) || c == '-' || c == '_' || c == '.';
         });
}

/// [PREFIX/]NAME.
bool is_qualified_name(std::string_view name) {
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos) return is_qualified_part(name);
  return is_subdomain(name.substr(0, slash)) && is_qualified_part(name.substr(slash + 1));
}

Cause invalid_value(std::string field, std::string_view value, const std::string& why) {
  return {"FieldValueInvalid", "Invalid value: \"" + std::string(value) + "\": " + why, std::move(field)};
}

const json::object* map_of(const json::object& body, std::string_view field) {
  const json::value* metadata = body.if_contains("metadata");
  const json::value* map =
      metadata != nullptr && metadata->is_object() ? metadata->get_object().if_contains(field) : nullptr;
  return map != nullptr && map->is_object() ? &map->get_object() : nullptr;
}

void check_labels(const json::object& body, std::vector<Cause>& causes) {
  const json::object* labels = map_of(body, "labels");
  if (labels == nullptr) return;
  for (const auto& label : *labels) {
    const std::string_view name = label.key();
    const std::string_view value =
        label.value().is_string() ? std::string_view(label.value().get_string()) : "";
    if (!is_qualified_name(name))
      causes.push_back(invalid_value("metadata.labels", name, "is no name of a label"));
    if (!value.empty() && !is_qualified_part(value)) {
      causes.push_back(
          invalid_value("metadata.labels", value,
                        "a label's value has at most 63 letters, digits, '-', '_' and '.', and begins "
                        "and ends with a letter or digit"));
    }
  }
}

void check_annotations(const json::object& body, std::vector<Cause>& causes) {
  const json::object* annotations = map_of(body, "annotations");
  if (annotations == nullptr) return;
  size_t bytes = 0;
  for (const auto& annotation : *annotations) {
    const std::string_view name = annotation.key();
    bytes += name.size() + (annotation.value().is_string() ? annotation.value().get_string().size() : 0);
    if (!is_qualified_name(name))
      causes.push_back(invalid_value("metadata.annotations", name, "is no name of an annotation"));
  }
  if (bytes > kMaxAnnotationBytes) {
    causes.push_back(
        {"FieldValueTooLong", "Too long: may not be more than 262144 bytes", "metadata.annotations"});
  }
}

std::string random_suffix() {
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";  // no vowels: no words by accident
  std::array<unsigned char, 5> bytes{};
  RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
  std::string text;
  for (const unsigned char byte : bytes) text += kAlphabet[byte % kAlphabet.size()];
  return text;
}

}  // namespace

json::object& metadata_of(json::object& body) {
  json::value& metadata = body["metadata"];
  return metadata.is_object() ? metadata.get_object() : metadata.emplace_object();
}

void drop_empty_metadata(json::object& body) {
  json::object& metadata = metadata_of(body);
  for (const char* field : {"labels", "annotations", "finalizers", "ownerReferences"}) {
    const json::value* value = metadata.if_contains(field);
    const bool empty =
        value != nullptr && ((value->is_object() && value->get_object().empty()) ||
                             (value->is_array() && value->get_array().empty()) || value->is_null());
    if (empty) metadata.erase(field);
  }
}

std::optional<Refusal> match_identity(const Call& call, json::object& body) {
  const Target& target = call.target;
  const std::string kind = text_of(body, "kind"), version = text_of(body, "apiVersion");
  if ((!kind.empty() && kind != target.kind->kind) || (!version.empty() && version != target.api_version())) {
    return bad_request("the object is a " + kind + " of " + version + ", and the path is that of " +
                       std::string(target.kind->kind) + " of " + target.api_version());
  }
  body["apiVersion"] = target.api_version();
  body["kind"] = target.kind->kind;
  json::object& metadata = metadata_of(body);
  const std::string name = text_of(metadata, "name"), ns = text_of(metadata, "namespace");
  if (!target.name.empty() && !name.empty() && name != target.name) {
    return bad_request("the name of the object (" + name + ") does not match the name on the URL (" +
                       target.name + ")");
  }
  if (!ns.empty() && ns != target.ns) {
    return bad_request("the namespace of the object (" + ns +
                       ") does not match the namespace on the request (" + target.ns + ")");
  }
  if (!target.name.empty()) metadata["name"] = target.name;
  if (!target.ns.empty()) metadata["namespace"] = target.ns;
  return std::nullopt;
}

std::string name_to_create(const json::object& body) {
  const std::string name = store::metadata_text(body, "name");
  const std::string prefix = store::metadata_text(body, "generateName");
  return name.empty() && !prefix.empty() ? prefix.substr(0, 58) + random_suffix() : name;
}

std::optional<Refusal> check_metadata(const store::Kind& kind, const std::string& name,
                                      const json::object& body) {
  std::vector<Cause> causes;
  if (name.empty()) {
    causes.push_back(
        {"FieldValueRequired", "Required value: name or generateName is required", "metadata.name"});
  } else if (kind.type() == "services" && !is_service_name(name)) {
    causes.push_back(
        invalid_value("metadata.name", name,
                      "must be a DNS label: lower-case letters, digits and dashes, beginning with a letter"));
  } else if (!is_subdomain(name)) {
    causes.push_back(
        invalid_value("metadata.name", name,
                      "must be a lower-case RFC 1123 subdomain: letters, digits, '-' and '.', beginning "
                      "and ending with a letter or digit"));
  }
  check_labels(body, causes);
  check_annotations(body, causes);
  if (causes.empty()) return std::nullopt;
  return invalid(kind, name, std::move(causes));
}

Writer writer_of(const Call& call) {
  Writer writer{call.query("fieldManager"), call.target.subresource, store::timestamp_now()};
  if (writer.manager.empty()) {
    const std::string agent = call.header("User-Agent");
    writer.manager = agent.substr(0, agent.find('/')).substr(0, 128);
  }
  if (writer.manager.empty()) writer.manager = "unknown";
  return writer;
}

}  // namespace remora::kube

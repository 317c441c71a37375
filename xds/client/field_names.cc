#include "client/field_names.h"

#include <google/protobuf/descriptor.h>

#include <optional>

#include "translate/yaml_document.h"

namespace remora::xds {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr const char* kTypedStruct = "type.googleapis.com/xds.type.v3.TypedStruct";

const FieldDescriptor* find_field(const Descriptor& type, const std::string& key) {
  if (const FieldDescriptor* field = type.FindFieldByName(key)) return field;
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->json_name() == key) return type.field(i);
  }
  return nullptr;
}

bool is_message(const FieldDescriptor& field) { return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE; }

class Finder {
 public:
  std::vector<NameFinding> take() { return std::move(findings_); }

  void message(const YAML::Node& node, const Descriptor& type, const std::string& path) {
    if (node.IsNull()) return;
    if (type.full_name() == "google.protobuf.Any") return packed(node, path);
    if (type.full_name() == "google.protobuf.BoolValue") return make_bool(node);
    if (type.full_name() == "google.protobuf.StringValue" && node.IsScalar()) return make_string(node);
    if (type.full_name().rfind("google.protobuf.", 0) == 0) return;  // scalars and free-form values
    if (!node.IsMap()) return add(node, path, "must be an object of type " + type.full_name());
    fields(node, type, path);
  }

 private:
  void packed(const YAML::Node& node, const std::string& path) {
    if (!node.IsMap()) return add(node, path, "must be an object with an \"@type\"");
    const YAML::Node url = node["@type"];
    if (!url || !url.IsScalar()) return add(node, path, "needs an \"@type\" that names its type");
    const std::string& text = url.Scalar();
    const auto* pool = google::protobuf::DescriptorPool::generated_pool();
    const Descriptor* type = pool->FindMessageTypeByName(text.substr(text.rfind('/') + 1));
    if (type == nullptr) return wrap(node, text);
    if (type->full_name().rfind("google.protobuf.", 0) == 0) return;
    fields(node, *type, path);
  }

  /// Where a boolean is wanted, YAML's other words for it (yes, on, ...) are taken too, as Envoy does.
  static void make_bool(YAML::Node node) {  // NOLINT: a copy of the handle
    bool value = false;
    if (node.IsScalar() && YAML::convert<bool>::decode(node, value))
      node = YAML::Node(value ? "true" : "false");
  }

  /// `node` is a handle: what is assigned to it changes the document.
  static void wrap(YAML::Node node, const std::string& type_url) {  // NOLINT: a copy of the handle
    YAML::Node value(YAML::NodeType::Map);
    for (const auto& entry : node) {
      if (entry.first.Scalar() != "@type") value[entry.first] = entry.second;
    }
    YAML::Node wrapper(YAML::NodeType::Map);
    wrapper["@type"] = kTypedStruct;
    wrapper["type_url"] = type_url;
    wrapper["value"] = value;
    node = wrapper;
  }

  void fields(const YAML::Node& node, const Descriptor& type, const std::string& path) {
    for (const auto& entry : node) {
      const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : std::string();
      if (key == "@type") continue;
      const std::string where = path.empty() ? key : path + "." + key;
      const FieldDescriptor* known = find_field(type, key);
      if (known == nullptr) {
        add(entry.first, where, type.full_name() + " has no field of this name");
        findings_.back().unknown_field = true;
      } else if (!entry.second.IsNull()) {
        field(entry.second, *known, where);
      }
    }
  }

  void field(const YAML::Node& node, const FieldDescriptor& known, const std::string& path) {
    if (known.is_map()) return map(node, known, path);
    if (!known.is_repeated()) return value(node, known, path);
    if (!node.IsSequence()) return add(node, path, "must be a list");
    for (size_t i = 0; i < node.size(); ++i) value(node[i], known, path + "[" + std::to_string(i) + "]");
  }

  void map(const YAML::Node& node, const FieldDescriptor& known, const std::string& path) {
    if (!node.IsMap()) return add(node, path, "must be an object");
    for (const auto& entry : node) {
      const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : std::string();
      value(entry.second, *known.message_type()->map_value(), path + "[\"" + key + "\"]");
    }
  }

  void value(const YAML::Node& node, const FieldDescriptor& known, const std::string& path) {
    if (is_message(known)) return message(node, *known.message_type(), path);
    if (node.IsMap() || node.IsSequence())
      return add(node, path, std::string("must be a ") + known.type_name());
    if (known.cpp_type() == FieldDescriptor::CPPTYPE_STRING && node.IsScalar()) return make_string(node);
    if (known.cpp_type() == FieldDescriptor::CPPTYPE_BOOL) return make_bool(node);
    if (known.enum_type() == nullptr || !node.IsScalar()) return;
    const std::string& text = node.Scalar();
    const bool number = !text.empty() && text.find_first_not_of("-0123456789") == std::string::npos;
    if (!number && known.enum_type()->FindValueByName(text) == nullptr) {
      add(node, path, "'" + text + "' is not a value of " + known.enum_type()->full_name());
    }
  }

  void add(const YAML::Node& node, const std::string& path, std::string message) {
    findings_.push_back({path, std::move(message), node.Mark().line + 1, false});
  }

  std::vector<NameFinding> findings_;
};

}  // namespace

std::vector<NameFinding> check_names(const YAML::Node& document, const Descriptor& type) {
  Finder finder;
  finder.message(document, type, {});
  return finder.take();
}

}  // namespace remora::xds

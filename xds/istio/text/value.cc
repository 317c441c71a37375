#include "istio/text/value.h"

#include <yaml-cpp/yaml.h>

#include <set>

#include "istio/text/scalar.h"

namespace remora::istio {
namespace {

/// Thrown within this file only: yaml-cpp reports its own faults by exceptions as well.
struct Fault {
  SyntaxError error;
};

class Converter {
 public:
  Value convert(const YAML::Node& node, int depth) {
    Value value;
    value.line = node.Mark().line + 1;
    if (depth > kMaxDepth)
      throw Fault{{value.line, "nested deeper than " + std::to_string(kMaxDepth) + " levels"}};
    if (++count_ > kMaxValues) {
      throw Fault{{value.line, "more than " + std::to_string(kMaxValues) + " values in one file"}};
    }
    switch (node.Type()) {
      case YAML::NodeType::Scalar: convert_scalar(node, value); break;
      case YAML::NodeType::Sequence: convert_list(node, value, depth); break;
      case YAML::NodeType::Map: convert_map(node, value, depth); break;
      default: break;
    }
    return value;
  }

 private:
  static void convert_scalar(const YAML::Node& node, Value& value) {
    value.text = node.Scalar();
    // yaml-cpp marks plain scalars with the tag "?" and quoted ones with "!".
    const bool plain = node.Tag() == "?" || node.Tag().empty();
    value.type = plain ? plain_scalar_type(value.text) : Value::Type::kString;
  }

  void convert_list(const YAML::Node& node, Value& value, int depth) {
    value.type = Value::Type::kList;
    value.items.reserve(node.size());
    for (const auto& item : node) value.items.push_back(convert(item, depth + 1));
  }

  void convert_map(const YAML::Node& node, Value& value, int depth) {
    value.type = Value::Type::kMap;
    std::set<std::string> names;
    for (const auto& field : node) {
      const int line = field.first.Mark().line + 1;
      if (!field.first.IsScalar()) throw Fault{{line, "a field name must be a string"}};
      const std::string& name = field.first.Scalar();
      if (!names.insert(name).second) throw Fault{{line, "field \"" + name + "\" is given twice"}};
      value.fields.emplace_back(name, convert(field.second, depth + 1));
    }
  }

  size_t count_ = 0;
};

void append_json(const Value& value, std::string& out) {
  switch (value.type) {
    case Value::Type::kNull: out += "null"; break;
    case Value::Type::kBool: out += is_true(value.text) ? "true" : "false"; break;
    case Value::Type::kNumber: out += json_number(value.text); break;
    case Value::Type::kString: append_json_string(value.text, out); break;
    case Value::Type::kList: {
      out += '[';
      const char* separator = "";
      for (const Value& item : value.items) {
        out += std::exchange(separator, ",");
        append_json(item, out);
      }
      out += ']';
      break;
    }
    case Value::Type::kMap: {
      out += '{';
      const char* separator = "";
      for (const auto& [name, field] : value.fields) {
        out += std::exchange(separator, ",");
        append_json_string(name, out);
        out += ':';
        append_json(field, out);
      }
      out += '}';
      break;
    }
  }
}

}  // namespace

Value::Value() = default;

const Value* Value::find(std::string_view name) const {
  for (const auto& [field, value] : fields) {
    if (field == name) return &value;
  }
  return nullptr;
}

std::string_view describe(Value::Type type) {
  switch (type) {
    case Value::Type::kNull: return "null";
    case Value::Type::kBool: return "a boolean";
    case Value::Type::kNumber: return "a number";
    case Value::Type::kString: return "a string";
    case Value::Type::kList: return "a list";
    case Value::Type::kMap: return "a map";
  }
  return "";
}

std::variant<std::vector<Value>, SyntaxError> read_documents(const std::string& text) {
  std::vector<Value> documents;
  try {
    Converter converter;
    for (const YAML::Node& node : YAML::LoadAll(text)) {
      if (!node.IsDefined() || node.IsNull()) continue;
      documents.push_back(converter.convert(node, 0));
    }
  } catch (const Fault& fault) {
    return fault.error;
  } catch (const YAML::Exception& exception) {
    return SyntaxError{exception.mark.line + 1, "not valid YAML: " + exception.msg};
  }
  return documents;
}

std::string to_json(const Value& value) {
  std::string out;
  append_json(value, out);
  return out;
}

}  // namespace remora::istio

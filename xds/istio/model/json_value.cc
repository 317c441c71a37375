#include "istio/model/json_value.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <optional>

namespace remora::istio {
namespace {

namespace json = boost::json;

class Converter {
 public:
  std::variant<Value, SyntaxError> run(const json::value& json) {
    Value value = convert(json, 0);
    if (fault_) return SyntaxError{0, *fault_};
    return value;
  }

  Value convert(const json::object& object, int depth) {
    Value value;
    value.type = Value::Type::kMap;
    value.fields.reserve(object.size());
    for (const auto& field : object)
      value.fields.emplace_back(field.key(), convert(field.value(), depth + 1));
    return value;
  }

  const std::optional<std::string>& fault() const { return fault_; }

 private:
  Value convert(const json::value& json, int depth) {
    Value value;
    if (!admit(depth)) return value;
    switch (json.kind()) {
      case json::kind::null: break;
      case json::kind::bool_: scalar(Value::Type::kBool, json.get_bool() ? "true" : "false", value); break;
      case json::kind::string: scalar(Value::Type::kString, std::string(json.get_string()), value); break;
      case json::kind::int64:
      case json::kind::uint64:
      case json::kind::double_: scalar(Value::Type::kNumber, json::serialize(json), value); break;
      case json::kind::object: return convert(json.get_object(), depth);
      case json::kind::array: {
        value.type = Value::Type::kList;
        value.items.reserve(json.get_array().size());
        for (const json::value& item : json.get_array()) value.items.push_back(convert(item, depth + 1));
        break;
      }
    }
    return value;
  }

  static void scalar(Value::Type type, std::string text, Value& value) {
    value.type = type;
    value.text = std::move(text);
  }

  bool admit(int depth) {
    if (depth > kMaxDepth) fault_ = "nested deeper than " + std::to_string(kMaxDepth) + " levels";
    if (++count_ > kMaxValues) fault_ = "more than " + std::to_string(kMaxValues) + " values in one object";
    return !fault_;
  }

  size_t count_ = 0;
  std::optional<std::string> fault_;
};

}  // namespace

std::variant<Value, SyntaxError> value_of(const json::value& json) { return Converter().run(json); }

ParsedFile parse_object(const std::string& place, const json::object& object) {
  Converter converter;
  const Value document = converter.convert(object, 0);
  if (converter.fault()) {
    ParsedFile parsed;
    parsed.findings.push_back({Severity::kError, place, 0, "", "", *converter.fault()});
    return parsed;
  }
  return parse_document(place, document);
}

}  // namespace remora::istio

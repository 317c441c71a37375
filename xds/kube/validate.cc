#include "kube/validate.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <limits>

#include "kube/json_members.h"
#include "kube/limits.h"
#include "kube/schema.h"
#include "kube/status.h"

namespace remora::kube {
namespace {

namespace json = boost::json;
using Type = Schema::Type;

/// More findings than these help nobody.
constexpr size_t kMaxFindings = 64;

/// JSON schema's word for what a value is.
std::string_view type_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return "null";
    case json::kind::bool_: return "boolean";
    case json::kind::int64:
    case json::kind::uint64: return "integer";
    case json::kind::double_: return "number";
    case json::kind::string: return "string";
    case json::kind::array: return "array";
    case json::kind::object: return "object";
  }
  return "unknown";
}

std::string_view name_of(Type type) {
  switch (type) {
    case Type::kString: return "string";
    case Type::kInteger: return "integer";
    case Type::kNumber: return "number";
    case Type::kBoolean: return "boolean";
    case Type::kIntOrString: return "integer or string";
    case Type::kObject:
    case Type::kMap: return "object";
    case Type::kList: return "array";
    case Type::kAny: break;
  }
  return "any";
}

std::string quoted(std::string_view text) { return json::serialize(json::string(text)); }

class Validator {
 public:
  void check(json::value& value, const Schema& schema) {
    switch (schema.type) {
      case Type::kAny: return;
      case Type::kObject: return check_object(value, schema);
      case Type::kMap: return check_map(value, schema);
      case Type::kList: return check_list(value, schema);
      case Type::kString: return check_string(value, schema);
      case Type::kInteger: return check_integer(value, schema);
      case Type::kNumber: return expect(value.is_number(), value, schema);
      case Type::kBoolean: return expect(value.is_bool(), value, schema);
      case Type::kIntOrString:
        return expect(value.is_string() || value.is_int64() || value.is_uint64(), value, schema);
    }
  }

  std::vector<Cause> causes;
  std::vector<std::string> unknown;

 private:
  /// A member that is null counts as absent, and goes.
  void check_object(json::value& value, const Schema& schema) {
    auto* object = value.if_object();
    if (object == nullptr) return wrong_type(value, schema);
    bool removes = false;
    for (auto& member : *object) {
      const SchemaField* field = schema.find(member.key());
      const Step step(path_, member.key());
      if (field == nullptr && !schema.open && unknown.size() < kMaxFindings) {
        unknown.push_back("unknown field \"" + path_ + '"');
      }
      if (member.value().is_null() || (field == nullptr && !schema.open)) {
        removes = true;
      } else if (field != nullptr) {
        check(member.value(), *field->schema);
      }
    }
    if (removes) {
      erase_members(*object, [&](const auto& member) {
        return member.value().is_null() || (!schema.open && schema.find(member.key()) == nullptr);
      });
    }
    for (const SchemaField& field : schema.fields) {
      if (!field.required || object->contains(field.name)) continue;
      const Step step(path_, field.name);
      report("FieldValueRequired", "Required value");
    }
  }

  void check_map(json::value& value, const Schema& schema) {
    auto* object = value.if_object();
    if (object == nullptr) return wrong_type(value, schema);
    for (auto& member : *object) {
      const Step step(path_, member.key());
      check(member.value(), *schema.items);
    }
  }

  void check_list(json::value& value, const Schema& schema) {
    auto* array = value.if_array();
    if (array == nullptr) return wrong_type(value, schema);
    for (size_t i = 0; i < array->size(); ++i) {
      const Step step(path_, i);
      check((*array)[i], *schema.items);
    }
  }

  void check_string(const json::value& value, const Schema& schema) {
    if (!value.is_string()) return wrong_type(value, schema);
    if (schema.words.empty()) return;
    const json::string& text = value.get_string();
    if (std::find(schema.words.begin(), schema.words.end(), std::string_view(text)) != schema.words.end())
      return;
    std::string known;
    for (const std::string& word : schema.words) known += (known.empty() ? "" : ", ") + quoted(word);
    report("FieldValueNotSupported", "Unsupported value: " + quoted(text) + ": supported values: " + known);
  }

  /// JSON does not tell 1 from 1.0, so both are whole numbers.
  void check_integer(json::value& value, const Schema& schema) {
    if (value.is_double()) {
      const double number = value.get_double();
      if (std::trunc(number) != number || std::abs(number) > 9e15) return wrong_type(value, schema);
      value = static_cast<int64_t>(number);
    }
    if (!value.is_int64() && !value.is_uint64()) return wrong_type(value, schema);
    boost::system::error_code error;
    const auto number = value.to_number<int64_t>(error);
    using Int32 = std::numeric_limits<int32_t>;
    if (!error && (schema.format != "int32" || (number >= Int32::min() && number <= Int32::max()))) return;
    report("FieldValueInvalid",
           "Invalid value: " + json::serialize(value) + ": must fit into " + schema.format);
  }

  void expect(bool good, const json::value& value, const Schema& schema) {
    if (!good) wrong_type(value, schema);
  }

  void wrong_type(const json::value& value, const Schema& schema) {
    const std::string given = quoted(type_of(value));
    report("FieldValueTypeInvalid", "Invalid value: " + given + ": " + path_ + " in body must be of type " +
                                        std::string(name_of(schema.type)) + ": " + given);
  }

  void report(std::string type, std::string message) {
    if (causes.size() < kMaxFindings) causes.push_back({std::move(type), std::move(message), path_});
  }

  /// One step down the path, for as long as it lives.
  class Step {
   public:
    Step(std::string& path, std::string_view name) : path_(path), size_(path.size()) {
      if (!path.empty()) path += '.';
      path += name;
    }
    Step(std::string& path, size_t index) : path_(path), size_(path.size()) {
      path += '[' + std::to_string(index) + ']';
    }
    ~Step() { path_.resize(size_); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    std::string& path_;
    const size_t size_;
  };

  std::string path_;
};

std::string text_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

Refusal strict_error(const store::Kind& kind, const json::object& object,
                     const std::vector<std::string>& findings) {
  const std::string api_version = text_member(object, "apiVersion");
  const size_t slash = api_version.find('/');
  const std::string version = slash == std::string::npos ? api_version : api_version.substr(slash + 1);
  const std::string name(kind.kind);
  std::string all;
  for (const std::string& finding : findings) all += (all.empty() ? "" : ", ") + finding;
  return bad_request(name + " in version \"" + version + "\" cannot be handled as a " + name +
                     ": strict decoding error: " + all);
}

}  // namespace

Outcome<FieldValidation> field_validation(std::string_view word) {
  if (word == "Strict") return FieldValidation::kStrict;
  if (word == "Warn" || word.empty()) return FieldValidation::kWarn;
  if (word == "Ignore") return FieldValidation::kIgnore;
  return Refusal{422,
                 "Invalid",
                 "fieldValidation: Unsupported value: " + quoted(word.substr(0, 100)) +
                     R"(: supported values: "", "Ignore", "Warn", "Strict")",
                 {}};
}

Outcome<std::vector<std::string>> validate(const store::Kind& kind, json::object& object,
                                           const std::vector<std::string>& duplicates, FieldValidation mode) {
  Validator validator;
  for (const auto& member : object) {
    if (member.key() == "metadata" || depth_of(member.value()) < kMaxObjectDepth) continue;
    validator.causes.push_back(
        {"FieldValueInvalid",
         "Invalid value: nests deeper than " + std::to_string(kMaxObjectDepth) + " levels",
         std::string(member.key())});
  }
  json::value whole = std::move(object);
  validator.check(whole, schema_of(kind));
  object = std::move(whole.get_object());
  std::vector<std::string> findings = duplicates;
  findings.insert(findings.end(), validator.unknown.begin(), validator.unknown.end());
  if (mode == FieldValidation::kStrict && !findings.empty()) return strict_error(kind, object, findings);
  if (!validator.causes.empty()) {
    const json::value* metadata = object.if_contains("metadata");
    const bool named = metadata != nullptr && metadata->is_object();
    return invalid(kind, named ? text_member(metadata->get_object(), "name") : "",
                   std::move(validator.causes));
  }
  if (mode == FieldValidation::kIgnore) findings.clear();
  return findings;
}

}  // namespace remora::kube

#include "istio/text/fields.h"

#include <algorithm>

namespace remora::istio {
namespace {

std::string indexed(const std::string& path, size_t index) {
  return path + '[' + std::to_string(index) + ']';
}

/// What was found where something else should be: scalars are quoted as written, since YAML's typing
/// surprises.
std::string found(const Value& value) {
  std::string text{describe(value.type)};
  const bool scalar = value.type == Value::Type::kBool || value.type == Value::Type::kNumber ||
                      value.type == Value::Type::kString;
  if (scalar && value.text.size() <= 60) text += " (" + value.text + ")";
  return text;
}

}  // namespace

void ReadContext::report(Severity severity, int line, std::string path, std::string message) const {
  out->push_back({severity, file, line, resource, std::move(path), std::move(message)});
}

Fields::Fields(const Value& value, std::string path, const ReadContext& context)
    : value_(value),
      path_(std::move(path)),
      context_(context) {
  if (value.type != Value::Type::kMap) error("", "must be a map, is " + found(value));
}

Fields::~Fields() {
  for (const auto& [name, field] : value_.fields) {
    if (!known_.contains(name)) context_.report(Severity::kError, field.line, path_of(name), "unknown field");
  }
}

bool Fields::string(std::string_view name, std::string& out) {
  const Value* field = take(name, Value::Type::kString, "a string");
  if (field == nullptr) return false;
  out = field->text;
  return true;
}

bool Fields::boolean(std::string_view name, bool& out) {
  const Value* field = take(name, Value::Type::kBool, "true or false");
  if (field == nullptr) return false;
  out = is_true(field->text);
  return true;
}

bool Fields::integer(std::string_view name, long long lowest, long long highest, long long& out) {
  const Value* field = take(name, Value::Type::kNumber, "a whole number");
  if (field == nullptr) return false;
  const auto number = parse_integer(field->text);
  if (!number) {
    error(name, "must be a whole number, is " + field->text);
    return false;
  }
  if (*number < lowest || *number > highest) {
    error(name, "must be from " + std::to_string(lowest) + " to " + std::to_string(highest) + ", is " +
                    field->text);
    return false;
  }
  out = *number;
  return true;
}

bool Fields::number(std::string_view name, double lowest, double highest, double& out) {
  const Value* field = take(name, Value::Type::kNumber, "a number");
  if (field == nullptr) return false;
  const auto number = parse_double(field->text);
  if (!number || *number < lowest || *number > highest) {
    error(name, "must be from " + json_number(std::to_string(lowest)) + " to " +
                    json_number(std::to_string(highest)) + ", is " + field->text);
    return false;
  }
  out = *number;
  return true;
}

bool Fields::duration(std::string_view name, Duration& out, bool zero_allowed) {
  const Value* field = take(name, Value::Type::kString, "a duration such as 1.5s or 250ms");
  if (field == nullptr) return false;
  const auto duration = parse_duration(field->text);
  if (!duration) {
    error(name, "must be a duration such as 1.5s or 250ms, is \"" + field->text + "\"");
    return false;
  }
  if (*duration < std::chrono::milliseconds(1) && !(zero_allowed && *duration == Duration::zero())) {
    error(name, "must be at least 1ms, is \"" + field->text + "\"");
    return false;
  }
  out = *duration;
  return true;
}

bool Fields::strings(std::string_view name, std::vector<std::string>& out) {
  const Value* field = take(name, Value::Type::kList, "a list");
  if (field == nullptr) return false;
  for (size_t i = 0; i < field->items.size(); ++i) {
    const Value& item = field->items[i];
    if (item.type == Value::Type::kString) {
      out.push_back(item.text);
    } else {
      context_.report(Severity::kError, item.line, indexed(path_of(name), i),
                      "must be a string, is " + found(item));
    }
  }
  return true;
}

bool Fields::integers(std::string_view name, long long lowest, long long highest,
                      const std::function<void(long long)>& take_item) {
  const Value* field = take(name, Value::Type::kList, "a list");
  if (field == nullptr) return false;
  for (size_t i = 0; i < field->items.size(); ++i) {
    const Value& item = field->items[i];
    const auto number =
        item.type == Value::Type::kNumber ? parse_integer(item.text) : std::optional<long long>();
    if (number && *number >= lowest && *number <= highest) {
      take_item(*number);
    } else {
      context_.report(Severity::kError, item.line, indexed(path_of(name), i),
                      "must be a whole number from " + std::to_string(lowest) + " to " +
                          std::to_string(highest) + ", is " + found(item));
    }
  }
  return true;
}

bool Fields::string_map(std::string_view name, std::map<std::string, std::string>& out) {
  const Value* field = take(name, Value::Type::kMap, "a map");
  if (field == nullptr) return false;
  for (const auto& [key, value] : field->fields) {
    if (value.type == Value::Type::kString) {
      out[key] = value.text;
    } else {
      context_.report(Severity::kError, value.line, path_of(name) + '.' + key,
                      "must be a string, is " + found(value) + "; put it in quotes");
    }
  }
  return true;
}

bool Fields::object(std::string_view name, const std::function<void(Fields&)>& read) {
  const Value* field = take(name, Value::Type::kMap, "a map");
  if (field == nullptr) return false;
  Fields fields(*field, path_of(name), context_);
  read(fields);
  return true;
}

bool Fields::objects(std::string_view name, const std::function<void(Fields&)>& read) {
  const Value* field = take(name, Value::Type::kList, "a list");
  if (field == nullptr) return false;
  for (size_t i = 0; i < field->items.size(); ++i) {
    Fields fields(field->items[i], indexed(path_of(name), i), context_);
    read(fields);
  }
  return true;
}

bool Fields::entries(std::string_view name, const std::function<void(const std::string&, Fields&)>& read) {
  const Value* field = take(name, Value::Type::kMap, "a map");
  if (field == nullptr) return false;
  for (const auto& [key, value] : field->fields) {
    Fields fields(value, path_of(name) + '.' + key, context_);
    read(key, fields);
  }
  return true;
}

bool Fields::unsupported(std::string_view name, Severity severity, std::string_view reason) {
  const Value* field = take_any(name);
  if (field == nullptr) return false;
  context_.report(severity, field->line, path_of(name), std::string(reason));
  return true;
}

void Fields::ignore(std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) known_.emplace(name);
}

void Fields::ignore_rest() {
  for (const auto& field : value_.fields) known_.insert(field.first);
}

std::vector<std::string> Fields::names() const {
  std::vector<std::string> names;
  for (const auto& field : value_.fields) names.push_back(field.first);
  return names;
}

bool Fields::is_string(std::string_view name) const {
  const Value* field = value_.find(name);
  return field != nullptr && field->type == Value::Type::kString;
}

bool Fields::has(std::string_view name) const {
  const Value* field = value_.find(name);
  return field != nullptr && field->type != Value::Type::kNull;
}

int Fields::line_of(std::string_view name) const {
  const Value* field = value_.find(name);
  return field == nullptr ? value_.line : field->line;
}

std::string Fields::path_of(std::string_view name) const {
  if (name.empty()) return path_;
  return path_.empty() ? std::string(name) : path_ + '.' + std::string(name);
}

void Fields::error(std::string_view name, std::string message) const {
  context_.report(Severity::kError, line_of(name), path_of(name), std::move(message));
}

void Fields::warning(std::string_view name, std::string message) const {
  context_.report(Severity::kWarning, line_of(name), path_of(name), std::move(message));
}

const Value* Fields::take(std::string_view name, Value::Type type, std::string_view expected) {
  const Value* field = take_any(name);
  if (field == nullptr || field->type == type) return field;
  std::string message = "must be " + std::string(expected) + ", is " + found(*field);
  const bool lost_quotes = type == Value::Type::kString &&
                           (field->type == Value::Type::kNumber || field->type == Value::Type::kBool);
  if (lost_quotes) message += "; put it in quotes";
  error(name, std::move(message));
  return nullptr;
}

const Value* Fields::take_any(std::string_view name) {
  known_.emplace(name);
  return has(name) ? value_.find(name) : nullptr;
}

void Fields::report_bad_word(std::string_view name, const std::string& text,
                             const std::vector<std::string_view>& known) {
  std::string message = "\"" + text + "\" is none of ";
  for (size_t i = 0; i < known.size(); ++i) {
    if (i > 0) message += ", ";
    message += known[i];
  }
  error(name, std::move(message));
}

}  // namespace remora::istio

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace remora::istio {

/// A YAML (or JSON) value as Kubernetes types it, with the line it was written on. The tree owns all it
/// holds: aliases are expanded, within a budget, so that no small document becomes a huge one.
struct Value {
  enum class Type { kNull, kBool, kNumber, kString, kList, kMap };

  Value();  // out of line: a type that contains itself is complete only there

  Type type = Type::kNull;
  int line = 0;
  std::string text;                                   ///< a scalar as written, without quotes
  std::vector<std::pair<std::string, Value>> fields;  ///< of a map, in their order; names are unique
  std::vector<Value> items;                           ///< of a list

  /// The field called `name`; null where there is none, or this is no map.
  const Value* find(std::string_view name) const;
};

/// What one file or object may hold. Aliases count each time they are used.
inline constexpr int kMaxDepth = 64;
inline constexpr size_t kMaxValues = 1'000'000;

/// "a string", "a list": what messages call a value of this type.
std::string_view describe(Value::Type type);

/// Where reading stopped, and why.
struct SyntaxError {
  int line = 0;
  std::string message;
};

/// All documents of a file; empty ones are left out. Reports the first fault only: after it, the structure is
/// unknown.
std::variant<std::vector<Value>, SyntaxError> read_documents(const std::string& text);

/// Compact JSON, fields in their order: equal values give equal text, so it also serves as identity.
std::string to_json(const Value& value);

}  // namespace remora::istio

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace remora {

/// A JSON-like value: what google.protobuf.Value carries, without protobuf.
struct MetadataValue {
  using List = std::vector<MetadataValue>;
  using Object = std::map<std::string, MetadataValue, std::less<>>;

  std::variant<std::monostate, bool, double, std::string, List, Object> value;

  /// The text of a scalar ("true", "8080", "v1"); "" for the rest.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] const std::string* string() const { return std::get_if<std::string>(&value); }
  [[nodiscard]] const Object* object() const { return std::get_if<Object>(&value); }
  /// Walks nested objects; null if a step is missing.
  [[nodiscard]] const MetadataValue* find(std::string_view key) const;
  void append_json(std::string& out) const;
  bool operator==(const MetadataValue& other) const { return value == other.value; }
};

/// Metadata by filter name ("envoy.lb", "istio"), as in envoy.config.core.v3.Metadata.
struct Metadata {
  std::map<std::string, MetadataValue, std::less<>> filters;

  /// filters[ns][key]; null if absent.
  [[nodiscard]] const MetadataValue* find(std::string_view ns, std::string_view key) const;
};

}  // namespace remora

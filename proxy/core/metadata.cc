#include "remora/config/metadata.h"

#include <charconv>
#include <cmath>

#include "remora/core/format.h"

namespace remora {
namespace {

/// The shortest text that reads back as the same number; whole numbers carry no fraction ("8080").
void append_number(double number, std::string& out) {
  char digits[32];
  // Plain digits as far as a double counts exactly; beyond that the exponent form is shorter and as true.
  const bool whole = std::abs(number) < 9007199254740992.0 && number == std::trunc(number);
  const auto end = whole
                       ? std::to_chars(std::begin(digits), std::end(digits), static_cast<int64_t>(number)).ptr
                       : std::to_chars(std::begin(digits), std::end(digits), number).ptr;
  out.append(digits, end);
}

void append_quoted(std::string_view text, std::string& out) {
  out += '"';
  append_json_escaped(text, out);
  out += '"';
}

struct JsonWriter {
  std::string& out;

  void operator()(std::monostate) const { out += "null"; }
  void operator()(bool flag) const { out += flag ? "true" : "false"; }
  void operator()(double number) const {
    // JSON has no other way to say these; protobuf writes them as strings too.
    if (std::isnan(number)) return append_quoted("NaN", out);
    if (std::isinf(number)) return append_quoted(number > 0 ? "Infinity" : "-Infinity", out);
    append_number(number, out);
  }
  void operator()(const std::string& text) const { append_quoted(text, out); }
  void operator()(const MetadataValue::List& list) const {
    out += '[';
    for (const auto& item : list) {
      if (&item != &list.front()) out += ',';
      item.append_json(out);
    }
    out += ']';
  }
  void operator()(const MetadataValue::Object& members) const {
    out += '{';
    const char* separator = "";
    for (const auto& [key, value] : members) {
      out += separator;
      separator = ",";
      append_quoted(key, out);
      out += ':';
      value.append_json(out);
    }
    out += '}';
  }
};

}  // namespace

std::string MetadataValue::text() const {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* text = string()) return *text;
  std::string result;
  if (const auto* number = std::get_if<double>(&value)) append_number(*number, result);
  return result;
}

const MetadataValue* MetadataValue::find(std::string_view key) const {
  const Object* members = object();
  if (members == nullptr) return nullptr;
  const auto found = members->find(key);
  return found == members->end() ? nullptr : &found->second;
}

void MetadataValue::append_json(std::string& out) const { std::visit(JsonWriter{out}, value); }

const MetadataValue* Metadata::find(std::string_view ns, std::string_view key) const {
  const auto found = filters.find(ns);
  return found == filters.end() ? nullptr : found->second.find(key);
}

}  // namespace remora

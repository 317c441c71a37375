#include "kube/openapi_protobuf.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <string_view>

namespace remora::kube {
namespace {

namespace json = boost::json;

/// A message being written. All that is needed are fields that have a length: texts and messages.
class Message {
 public:
  void add(unsigned field, std::string_view bytes) {
    varint(field << 3 | 2);
    varint(bytes.size());
    bytes_ += bytes;
  }
  void add(unsigned field, const Message& message) { add(field, std::string_view(message.bytes_)); }
  std::string take() { return std::move(bytes_); }

 private:
  void varint(size_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

std::string_view text(const json::value& value) { return value.get_string(); }

/// A value of any type, as YAML; JSON is YAML.
Message any(const json::value& value) {
  Message out;
  out.add(2, json::serialize(value));
  return out;
}

Message named(std::string_view name, const Message& value) {
  Message out;
  out.add(1, name);
  out.add(2, value);
  return out;
}

template <typename Inner>
Message holding(const Inner& inner) {
  Message out;
  out.add(1, inner);
  return out;
}

Message schema(const json::object& object);

/// Properties and definitions: schemas by name.
Message schemas(const json::object& object) {
  Message out;
  for (const auto& member : object) out.add(1, named(member.key(), schema(member.value().get_object())));
  return out;
}

Message schema(const json::object& object) {
  Message out;
  for (const auto& member : object) {
    const std::string_view name = member.key();
    const json::value& value = member.value();
    if (name == "$ref") out.add(1, text(value));
    if (name == "format") out.add(2, text(value));
    if (name == "description") out.add(4, text(value));
    if (name == "default") out.add(5, any(value));
    if (name == "additionalProperties") out.add(21, holding(schema(value.get_object())));
    if (name == "type") out.add(22, holding(text(value)));
    if (name == "items") out.add(23, holding(schema(value.get_object())));
    if (name == "properties") out.add(25, schemas(value.get_object()));
    if (name.starts_with("x-")) out.add(31, named(name, any(value)));
    if (name == "required") {
      for (const json::value& field : value.get_array()) out.add(19, text(field));
    }
    if (name == "enum") {
      for (const json::value& word : value.get_array()) out.add(20, any(word));
    }
  }
  return out;
}

}  // namespace

std::string openapi_protobuf(const json::object& document) {
  Message info;
  info.add(1, text(document.at("info").at("title")));
  info.add(2, text(document.at("info").at("version")));
  Message out;
  out.add(1, text(document.at("swagger")));
  out.add(2, info);
  out.add(9, schemas(document.at("definitions").get_object()));
  return out.take();
}

}  // namespace remora::kube

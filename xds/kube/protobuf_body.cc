#include "kube/protobuf_body.h"

#include <boost/beast/core/detail/base64.hpp>
#include <boost/json/array.hpp>
#include <optional>
#include <string>

#include "kube/protobuf_messages.h"

namespace remora::kube {
namespace {

namespace json = boost::json;
using Type = ProtobufField::Type;

constexpr std::string_view kMagic{"k8s\0", 4};

/// A field as it stands on the wire: a number, or bytes.
struct WireField {
  uint32_t number = 0;
  bool is_bytes = false;
  uint64_t integer = 0;
  std::string_view bytes;

  bool empty() const { return is_bytes ? bytes.empty() : integer == 0; }
};

/// Splits a message into its fields.
class Wire {
 public:
  explicit Wire(std::string_view bytes) : rest_(bytes) {}

  bool done() const { return rest_.empty(); }
  /// Nothing where the bytes are no message.
  std::optional<WireField> next() {
    uint64_t tag = 0;
    if (!varint(tag)) return std::nullopt;
    WireField field{static_cast<uint32_t>(tag >> 3), (tag & 7) == 2, 0, {}};
    if ((tag & 7) == 0) return varint(field.integer) ? std::optional(field) : std::nullopt;
    if (!field.is_bytes || !varint(field.integer) || field.integer > rest_.size()) return std::nullopt;
    field.bytes = rest_.substr(0, field.integer);
    rest_.remove_prefix(field.integer);
    return field;
  }

 private:
  bool varint(uint64_t& out) {
    out = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      out |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  std::string_view rest_;
};

Refusal malformed() { return bad_request("the body is no protobuf message that can be read"); }

Refusal not_in_this_form(const std::string& what) {
  return {415, "UnsupportedMediaType", what + " is not read as protobuf: send it as application/json", {}};
}

std::string base64(std::string_view bytes) {
  namespace codec = boost::beast::detail::base64;
  std::string out(codec::encoded_size(bytes.size()), '\0');
  out.resize(codec::encode(out.data(), bytes.data(), bytes.size()));
  return out;
}

/// An entry of a map: key 1, value 2.
bool read_entry(std::string_view bytes, bool as_base64, json::value& into) {
  std::string_view key, value;
  for (Wire wire(bytes); !wire.done();) {
    const auto field = wire.next();
    if (!field) return false;
    (field->number == 1 ? key : value) = field->bytes;
  }
  if (!into.is_object()) into.emplace_object();
  into.get_object()[key] = as_base64 ? base64(value) : std::string(value);
  return true;
}

/// Type 1 (0: a number), number 2, text 3; nothing where it is a zero that nobody has set.
std::optional<json::value> read_int_or_string(std::string_view bytes) {
  uint64_t type = 0, number = 0;
  std::string_view text;
  for (Wire wire(bytes); !wire.done();) {
    const auto field = wire.next();
    if (!field) return std::nullopt;
    if (field->number == 1) type = field->integer;
    if (field->number == 2) number = field->integer;
    if (field->number == 3) text = field->bytes;
  }
  if (type == 1) return json::value(text);
  return number == 0 ? json::value() : json::value(static_cast<int64_t>(number));
}

class Decoder {
 public:
  std::optional<json::object> message(const ProtobufMessage& shape, std::string_view bytes,
                                      const std::string& path) {
    json::object out;
    for (Wire wire(bytes); !wire.done() && !refusal;) {
      const auto field = wire.next();
      if (!field) {
        refusal = malformed();
      } else if (const ProtobufField* known = find(shape, field->number)) {
        put(*known, *field, path, out);
      } else if (!field->empty()) {
        refusal = not_in_this_form("field " + std::to_string(field->number) + " of " +
                                   (path.empty() ? "the object" : path));
      }
    }
    if (refusal) return std::nullopt;
    return out;
  }

  std::optional<Refusal> refusal;

 private:
  static const ProtobufField* find(const ProtobufMessage& shape, uint32_t number) {
    for (const ProtobufField& field : shape.fields) {
      if (field.number == number) return &field;
    }
    return nullptr;
  }

  void put(const ProtobufField& known, const WireField& field, const std::string& path, json::object& out) {
    const bool number = known.type == Type::kInteger || known.type == Type::kBoolean;
    if (known.type == Type::kIgnored) return;
    if (field.is_bytes == number) {
      refusal = malformed();
      return;
    }
    if (known.type == Type::kTextMap || known.type == Type::kBytesMap) {
      if (!read_entry(field.bytes, known.type == Type::kBytesMap, out[known.name])) refusal = malformed();
      return;
    }
    if (field.empty() && !known.optional && !known.repeated) return;
    json::value value =
        value_of(known, field, path.empty() ? std::string(known.name) : path + '.' + std::string(known.name));
    if (refusal || value.is_null()) return;
    if (!known.repeated) {
      out[known.name] = std::move(value);
      return;
    }
    json::value& list = out[known.name];
    if (!list.is_array()) list.emplace_array();
    list.get_array().push_back(std::move(value));
  }

  json::value value_of(const ProtobufField& known, const WireField& field, const std::string& path) {
    switch (known.type) {
      case Type::kInteger: return static_cast<int64_t>(field.integer);
      case Type::kBoolean: return field.integer != 0;
      case Type::kString: return json::value(field.bytes);
      case Type::kBytes: return json::value(base64(field.bytes));
      case Type::kIntOrString: {
        auto value = read_int_or_string(field.bytes);
        if (!value) refusal = malformed();
        return value.value_or(nullptr);
      }
      default: break;
    }
    auto nested = message(*known.message, field.bytes, path);
    if (!nested || (nested->empty() && !known.repeated)) return nullptr;
    return json::value(std::move(*nested));
  }
};

}  // namespace

Outcome<json::object> read_protobuf(std::string_view body) {
  if (!body.starts_with(kMagic)) return malformed();
  std::string_view type_meta, raw, api_version, kind;
  for (Wire wire(body.substr(kMagic.size())); !wire.done();) {
    const auto field = wire.next();
    if (!field) return malformed();
    if (field->number == 1) type_meta = field->bytes;
    if (field->number == 2) raw = field->bytes;
  }
  for (Wire wire(type_meta); !wire.done();) {
    const auto field = wire.next();
    if (!field) return malformed();
    if (field->number == 1) api_version = field->bytes;
    if (field->number == 2) kind = field->bytes;
  }
  const ProtobufMessage* shape = protobuf_message(kind);
  if (shape == nullptr) return not_in_this_form("a " + std::string(kind));
  Decoder decoder;
  auto object = decoder.message(*shape, raw, "");
  if (!object) return std::move(*decoder.refusal);
  (*object)["apiVersion"] = api_version;
  (*object)["kind"] = kind;
  return std::move(*object);
}

}  // namespace remora::kube

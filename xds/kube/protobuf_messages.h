#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace remora::kube {

struct ProtobufMessage;

/// A field of a message of Kubernetes' API, by its number on the wire.
struct ProtobufField {
  enum class Type {
    kString,
    kBytes,  ///< base64 in JSON
    kInteger,
    kBoolean,
    kMessage,
    kIntOrString,
    kTextMap,
    kBytesMap,
    kIgnored,  ///< what a server decides
  };
  uint32_t number = 0;
  std::string_view name;
  Type type = Type::kString;
  bool repeated = false;
  bool optional = false;  ///< a zero that is there means something; of others it means that nothing was set
  const ProtobufMessage* message = nullptr;
};

struct ProtobufMessage {
  std::vector<ProtobufField> fields;
};

/// What clients of Kubernetes' own kinds send as protobuf, by the name of the kind; null for others. Not
/// every field is in here: what is missing is refused where it is set.
const ProtobufMessage* protobuf_message(std::string_view kind);

}  // namespace remora::kube

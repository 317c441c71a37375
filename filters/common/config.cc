#include "common/proto_config.h"

#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

namespace remora::filters {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// The path of the first field, at any depth, that the message's type does not have; "" if there is none.
std::string unknown_field(const Message& message) {
  const auto& reflection = *message.GetReflection();
  const auto& unknown = reflection.GetUnknownFields(message);
  if (!unknown.empty()) return "field number " + std::to_string(unknown.field(0).number());
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const Message& part = field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                                 : reflection.GetMessage(message, field);
      if (const std::string inner = unknown_field(part); !inner.empty()) return field->name() + "." + inner;
    }
  }
  return {};
}

}  // namespace

bool parse_config(const FilterSource& source, Message& message, ConfigReport& report) {
  if (!message.ParseFromArray(source.bytes.data(), static_cast<int>(source.bytes.size()))) {
    report.error(source.path, "not a valid " + message.GetTypeName());
    return false;
  }
  if (const std::string unknown = unknown_field(message); !unknown.empty()) {
    report.error(source.path,
                 unknown + " is not a field of " + message.GetTypeName() + " that this build knows");
    return false;
  }
  return true;
}

}  // namespace remora::filters

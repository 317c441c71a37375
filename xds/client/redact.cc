#include "client/redact.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "translate/typed_config.h"
#include "udpa/annotations/sensitive.pb.h"

namespace remora::xds {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr const char* kRedacted = "[redacted]";

void walk(Message& message, bool sensitive);

void blank(Message& message, const Reflection& reflection, const FieldDescriptor* field) {
  if (!field->is_repeated()) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      reflection.SetString(&message, field, kRedacted);
    } else {
      reflection.ClearField(&message, field);
    }
    return;
  }
  if (field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) return reflection.ClearField(&message, field);
  for (int i = 0; i < reflection.FieldSize(message, field); ++i)
    reflection.SetRepeatedString(&message, field, i, kRedacted);
}

/// A packed message is opened, read and packed again; of one that this build does not know and that stands
/// under something sensitive nothing is left.
void walk_any(google::protobuf::Any& any, bool sensitive) {
  const auto inner = make_message(type_name_of(any.type_url()));
  if (inner && inner->ParseFromString(any.value())) {
    walk(*inner, sensitive);
    any.set_value(inner->SerializeAsString());
  } else if (sensitive) {
    any.clear_value();
  }
}

void walk(Message& message, bool sensitive) {
  if (auto* any = dynamic_cast<google::protobuf::Any*>(&message)) return walk_any(*any, sensitive);
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool secret = sensitive || field->options().GetExtension(udpa::annotations::sensitive);
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      if (secret) blank(message, reflection, field);
    } else if (!field->is_repeated()) {
      walk(*reflection.MutableMessage(&message, field), secret);
    } else {
      for (int i = 0; i < reflection.FieldSize(message, field); ++i)
        walk(*reflection.MutableRepeatedMessage(&message, field, i), secret);
    }
  }
}

}  // namespace

void redact(Message& message) { walk(message, false); }

}  // namespace remora::xds

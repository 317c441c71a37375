#pragma once

namespace google::protobuf {
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace remora::xds {

class Context;

/// Checks one field of `message`, set or not, against the validation rules that its descriptor carries
/// (protoc-gen-validate: required, lengths, ranges, known enum values, header names). Errors are recorded
/// under the field's path.
void check_constraints(const google::protobuf::Message& message,
                       const google::protobuf::FieldDescriptor& field, Context& context);

/// Checks that each oneof that must be set is.
void check_required_oneofs(const google::protobuf::Message& message, Context& context);

}  // namespace remora::xds

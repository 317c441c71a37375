#pragma once

#include <vector>

namespace google::protobuf {
class Descriptor;
class FieldDescriptor;
class Message;
class OneofDescriptor;
}  // namespace google::protobuf

namespace validate {
class FieldRules;
}

namespace remora::xds {

class Context;

/// The validation rules that the descriptor of one field carries (protoc-gen-validate: required, lengths,
/// ranges, known enum values, header names). They are looked up once, here, and then serve every message:
/// to ask a descriptor for its options costs more than the check itself. Immutable, any thread.
class FieldConstraints {
 public:
  explicit FieldConstraints(const google::protobuf::FieldDescriptor& field);

  /// Whether a field that is set, or one that is not, can break one at all.
  [[nodiscard]] bool concern(bool is_set) const { return is_set ? concern_set_ : concern_unset_; }
  /// Errors are recorded under the field's path.
  void check(const google::protobuf::Message& message, bool is_set, Context& context) const;

 private:
  enum class Kind : unsigned char { kScalar, kDuration, kWrapper, kOther };
  static Kind kind_of(const google::protobuf::FieldDescriptor& field);
  void check_value(const validate::FieldRules& rules, const google::protobuf::Message& value,
                   Context& context) const;
  void check_repeated(const google::protobuf::Message& message, Context& context) const;

  const google::protobuf::FieldDescriptor* field_;
  const validate::FieldRules* rules_ = nullptr;  // the descriptor's; null: none
  Kind kind_;
  bool concern_set_ = false;
  bool concern_unset_ = false;
};

/// Those of its oneofs one field of which must be set.
std::vector<const google::protobuf::OneofDescriptor*> required_oneofs(
    const google::protobuf::Descriptor& type);

/// Checks that one is.
void check_required_oneof(const google::protobuf::Message& message,
                          const google::protobuf::OneofDescriptor& oneof, Context& context);

}  // namespace remora::xds

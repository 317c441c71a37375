#include "translate/field_check.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <cassert>
#include <unordered_map>
#include <vector>

#include "translate/constraints.h"
#include "translate/field_rules.h"
#include "translate/typed_config.h"

namespace remora::xds {
namespace {

using google::protobuf::Any;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

struct FieldRule {
  enum class Kind : uint8_t { kRefused, kImplemented, kCheckedByReader, kNoEffect, kOnly };
  Kind kind = Kind::kRefused;
  std::string_view text;  // the reason, or the only value
};

template <typename Call>
void each_word(std::string_view words, Call call) {
  while (!words.empty()) {
    const size_t start = words.find_first_not_of(' ');
    if (start == std::string_view::npos) return;
    const size_t end = std::min(words.find(' ', start), words.size());
    call(words.substr(start, end - start));
    words.remove_prefix(end);
  }
}

/// All that is to be known of a field before one is seen.
struct FieldPlan {
  const FieldDescriptor* field;
  FieldConstraints constraints;
  FieldRule rule{};
  bool descends;  // its messages are checked in turn
};

struct TypePlan {
  std::vector<FieldPlan> fields;  // by index
  std::vector<const OneofDescriptor*> required_oneofs;
};

bool is_well_known(const Descriptor* type) { return type->full_name().rfind("google.protobuf.", 0) == 0; }

bool descends(const FieldDescriptor& field) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return false;
  if (field.is_map())
    return field.message_type()->map_value()->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  return field.message_type() == Any::descriptor() || !is_well_known(field.message_type());
}

/// The rules of all message types, by descriptor and field index.
class RuleIndex {
 public:
  RuleIndex() {
    for (const auto& rules : {bootstrap_rules(), listener_rules(), route_rules(), filter_rules(),
                              cluster_rules(), tls_rules(), common_rules()}) {
      for (const MessageRules& entry : rules) add(entry);
    }
  }

  /// Null: the type is not implemented at all.
  [[nodiscard]] const TypePlan* find(const Descriptor* type) const {
    const auto found = plans_.find(type);
    return found == plans_.end() ? nullptr : &found->second;
  }

 private:
  void add(const MessageRules& rules) {
    const auto* pool = google::protobuf::DescriptorPool::generated_pool();
    const Descriptor* type = pool->FindMessageTypeByName(std::string(rules.message));
    if (type == nullptr) return;  // not linked into this program: nobody can send it
    TypePlan& plan = plans_[type];
    if (plan.fields.empty()) plan = make_plan(*type);
    const auto set = [&](std::string_view names, FieldRule rule) {
      each_word(names, [&](std::string_view name) {
        const FieldDescriptor* field = type->FindFieldByName(std::string(name));
        assert(field != nullptr && "a rule names a field that its message does not have");
        if (field != nullptr) plan.fields[static_cast<size_t>(field->index())].rule = rule;
      });
    };
    set(rules.implemented, {FieldRule::Kind::kImplemented, {}});
    set(rules.checked_by_reader, {FieldRule::Kind::kCheckedByReader, {}});
    for (const auto& entry : rules.no_effect) set(entry.fields, {FieldRule::Kind::kNoEffect, entry.reason});
    for (const auto& entry : rules.only) set(entry.field, {FieldRule::Kind::kOnly, entry.value});
  }

  static TypePlan make_plan(const Descriptor& type) {
    TypePlan plan{{}, required_oneofs(type)};
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      plan.fields.push_back({&field, FieldConstraints(field), {}, descends(field)});
    }
    return plan;
  }

  std::unordered_map<const Descriptor*, TypePlan> plans_;
};

const RuleIndex& rule_index() {
  static const RuleIndex index;
  return index;
}

/// A field's value as a rule writes it: true, 5, V3, 0s, or the inside of a wrapper.
std::string value_text(const Message& message, const FieldDescriptor* field) {
  const Reflection& reflection = *message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL: return reflection.GetBool(message, field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_ENUM: return reflection.GetEnum(message, field)->name();
    case FieldDescriptor::CPPTYPE_UINT32: return std::to_string(reflection.GetUInt32(message, field));
    case FieldDescriptor::CPPTYPE_UINT64: return std::to_string(reflection.GetUInt64(message, field));
    case FieldDescriptor::CPPTYPE_STRING: return reflection.GetString(message, field);
    case FieldDescriptor::CPPTYPE_MESSAGE: break;
    default: return "?";
  }
  const Message& inner = reflection.GetMessage(message, field);
  const Descriptor* type = inner.GetDescriptor();
  if (type->full_name() == "google.protobuf.Duration") {
    google::protobuf::Duration duration;
    duration.CopyFrom(inner);
    return duration.nanos() == 0 ? std::to_string(duration.seconds()) + "s" : "?";
  }
  if (is_well_known(type) && type->field_count() == 1) return value_text(inner, type->field(0));
  return inner.ByteSizeLong() == 0 ? "{}" : "?";
}

class Checker {
 public:
  explicit Checker(Context& context) : context_(context) {}

  void check(const Message& message) {
    const Descriptor* type = message.GetDescriptor();
    const TypePlan* plan = rule_index().find(type);
    if (plan == nullptr) return check_unplanned(message, *type);
    const Reflection& reflection = *message.GetReflection();
    check_unknown(message, reflection);
    // One call lists what is set; to ask for each field is most of the cost of a message with many.
    std::vector<const FieldDescriptor*> set;
    reflection.ListFields(message, &set);
    std::ranges::sort(set, {}, &FieldDescriptor::index);
    auto next = set.begin();
    for (const FieldPlan& entry : plan->fields) {
      const bool is_set = next != set.end() && *next == entry.field;
      if (is_set) ++next;
      if (entry.constraints.concern(is_set)) entry.constraints.check(message, is_set, context_);
      if (is_set) check_field(message, reflection, entry);
    }
    for (const auto* oneof : plan->required_oneofs) check_required_oneof(message, *oneof, context_);
  }

 private:
  void check_unplanned(const Message& message, const Descriptor& type) {
    if (&type == Any::descriptor()) return check_packed(message);
    if (!is_well_known(&type)) context_.error(type.full_name() + " is not implemented by this build");
  }

  void check_field(const Message& message, const Reflection& reflection, const FieldPlan& plan) {
    const FieldDescriptor* field = plan.field;
    switch (plan.rule.kind) {
      case FieldRule::Kind::kImplemented:
        if (plan.descends) descend(message, reflection, field);
        return;
      case FieldRule::Kind::kCheckedByReader: return;
      case FieldRule::Kind::kNoEffect:
        return context_.warning(field->name(), "has no effect: " + std::string(plan.rule.text));
      case FieldRule::Kind::kOnly: return check_only(message, field, plan.rule.text);
      case FieldRule::Kind::kRefused:
        return context_.error(field->name(), "is not implemented by this build");
    }
  }

  void check_only(const Message& message, const FieldDescriptor* field, std::string_view only) {
    const std::string value = value_text(message, field);
    if (value == only) return;
    context_.error(field->name(), "only " + std::string(only) + " is implemented by this build" +
                                      (value == "?" ? std::string() : ", not " + value));
  }

  void descend(const Message& message, const Reflection& reflection, const FieldDescriptor* field) {
    if (field->is_map()) return descend_map(message, reflection, field);
    if (!field->is_repeated()) {
      const auto scope = context_.in(field->name());
      return check(reflection.GetMessage(message, field));
    }
    const int size = reflection.FieldSize(message, field);
    for (int i = 0; i < size; ++i) {
      const auto scope = context_.in(field->name(), i);
      check(reflection.GetRepeatedMessage(message, field, i));
    }
  }

  void descend_map(const Message& message, const Reflection& reflection, const FieldDescriptor* field) {
    const FieldDescriptor* key = field->message_type()->map_key();
    const FieldDescriptor* value = field->message_type()->map_value();
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      const Message& entry = reflection.GetRepeatedMessage(message, field, i);
      const std::string name = value_text(entry, key);
      const auto scope = context_.in_key(field->name(), name);
      check(entry.GetReflection()->GetMessage(entry, value));
    }
  }

  void check_packed(const Message& message) {
    Any any;
    any.CopyFrom(message);
    if (any.type_url().empty()) return context_.error("@type is required");
    const TypedConfig config = unpack(any);
    if (!config.error.empty()) return context_.error(config.error);
    if (!config.message)
      return context_.error(std::string(config.type_name()) + " is not a type that this build knows");
    check(*config.message);
  }

  void check_unknown(const Message& message, const Reflection& reflection) {
    const auto& unknown = reflection.GetUnknownFields(message);
    if (unknown.empty()) return;
    if (context_.environment().reject_unknown_fields) {
      return context_.error(message.GetDescriptor()->full_name() + " has no field with the number " +
                            std::to_string(unknown.field(0).number()));
    }
    if (context_.environment().unknown_fields != nullptr) ++*context_.environment().unknown_fields;
  }

  Context& context_;
};

}  // namespace

void check_fields(const Message& message, Context& context) { Checker(context).check(message); }

bool has_rules(const Message& message) { return rule_index().find(message.GetDescriptor()) != nullptr; }

}  // namespace remora::xds

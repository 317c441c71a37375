#include "translate/constraints.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <set>
#include <string>

#include "translate/context.h"
#include "validate/validate.pb.h"

namespace remora::xds {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Duration;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

std::string text_of(const Duration& duration) {
  const double seconds =
      static_cast<double>(duration.seconds()) + static_cast<double>(duration.nanos()) / 1e9;
  std::string text = std::to_string(seconds);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text + "s";
}
std::string text_of(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}
std::string text_of(int64_t value) { return std::to_string(value); }
std::string text_of(uint64_t value) { return std::to_string(value); }
std::string text_of(int32_t value) { return std::to_string(value); }
std::string text_of(uint32_t value) { return std::to_string(value); }
std::string text_of(float value) { return text_of(static_cast<double>(value)); }

template <typename T>
bool less(const T& a, const T& b) {
  return a < b;
}
bool less(const Duration& a, const Duration& b) {
  return a.seconds() != b.seconds() ? a.seconds() < b.seconds() : a.nanos() < b.nanos();
}

template <typename Rules, typename T>
void check_range(const Rules& rules, const T& value, Context& context) {
  if (rules.has_gt() && !less(rules.gt(), value))
    context.error("must be greater than " + text_of(rules.gt()));
  if (rules.has_gte() && less(value, rules.gte())) context.error("must be at least " + text_of(rules.gte()));
  if (rules.has_lt() && !less(value, rules.lt())) context.error("must be less than " + text_of(rules.lt()));
  if (rules.has_lte() && less(rules.lte(), value)) context.error("must be at most " + text_of(rules.lte()));
}

template <typename Rules, typename T>
void check_list(const Rules& rules, const T& value, Context& context) {
  const auto& in = rules.in();
  const auto& not_in = rules.not_in();
  if (!in.empty() && std::find(in.begin(), in.end(), value) == in.end()) {
    std::string known;
    for (const auto& entry : in) {
      if constexpr (std::is_same_v<std::decay_t<decltype(entry)>, std::string>) {
        known += (known.empty() ? "" : ", ") + entry;
      } else {
        known += (known.empty() ? "" : ", ") + text_of(entry);
      }
    }
    context.error("must be one of " + known);
  }
  if (std::find(not_in.begin(), not_in.end(), value) != not_in.end())
    context.error("has a value that is not allowed");
}

template <typename Rules, typename T>
void check_number(const Rules& rules, T value, Context& context) {
  if (rules.ignore_empty() && value == T{}) return;
  check_range(rules, value, context);
  check_list(rules, value, context);
}

bool is_header_name(std::string_view text, bool strict) {
  if (text.empty()) return false;
  if (!strict) return text.find_first_of(std::string_view("\0\n\r", 3)) == std::string_view::npos;
  if (text.front() == ':') text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("!#$%&'*+-.^_|~`").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool is_header_value(std::string_view text, bool strict) {
  return std::all_of(text.begin(), text.end(), [strict](unsigned char c) {
    return strict ? (c >= 0x20 && c != 0x7f) || c == '\t' : c != 0 && c != '\n' && c != '\r';
  });
}

void check_string(const validate::StringRules& rules, const std::string& value, Context& context) {
  if (rules.ignore_empty() && value.empty()) return;
  const size_t size = value.size();
  if (size < std::max(rules.min_len(), rules.min_bytes())) {
    context.error(size == 0 ? "is required"
                            : "must have at least " + std::to_string(rules.min_len()) + " characters");
  }
  if ((rules.has_max_len() && size > rules.max_len()) ||
      (rules.has_max_bytes() && size > rules.max_bytes())) {
    context.error("is too long (" + std::to_string(size) + " bytes)");
  }
  if (rules.has_prefix() && value.rfind(rules.prefix(), 0) != 0)
    context.error("must begin with '" + rules.prefix() + "'");
  check_list(rules, value, context);
  if (!rules.has_well_known_regex() || (value.empty() && rules.min_len() + rules.min_bytes() > 0)) return;
  const bool strict = !rules.has_strict() || rules.strict();
  if (rules.well_known_regex() == validate::HTTP_HEADER_NAME && !value.empty() &&
      !is_header_name(value, strict)) {
    context.error("is not a valid header name: '" + value + "'");
  }
  if (rules.well_known_regex() == validate::HTTP_HEADER_VALUE && !is_header_value(value, strict)) {
    context.error("is not a valid header value");
  }
}

void check_enum(const validate::EnumRules& rules, const FieldDescriptor& field, int value, Context& context) {
  if (rules.defined_only() && field.enum_type()->FindValueByNumber(value) == nullptr) {
    context.error("has the unknown value " + std::to_string(value));
  }
  check_list(rules, value, context);
}

void check_duration(const validate::DurationRules& rules, const Duration& value, Context& context) {
  check_range(rules, value, context);
}

/// One scalar, as a plain field, an element of a repeated field or the inside of a wrapper.
struct Scalar {
  const Message& message;
  const FieldDescriptor& field;
  int index;  // -1: not repeated

  template <typename Get, typename GetRepeated>
  auto read(Get get, GetRepeated get_repeated) const {
    const Reflection& reflection = *message.GetReflection();
    return index < 0 ? (reflection.*get)(message, &field)
                     : (reflection.*get_repeated)(message, &field, index);
  }
};

void check_scalar(const validate::FieldRules& rules, const Scalar& scalar, Context& context) {
  using R = Reflection;
  switch (scalar.field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      if (rules.has_string())
        check_string(rules.string(), scalar.read(&R::GetString, &R::GetRepeatedString), context);
      return;
    case FieldDescriptor::CPPTYPE_ENUM:
      if (rules.has_enum_()) {
        check_enum(rules.enum_(), scalar.field, scalar.read(&R::GetEnumValue, &R::GetRepeatedEnumValue),
                   context);
      }
      return;
    case FieldDescriptor::CPPTYPE_UINT32:
      if (rules.has_uint32())
        check_number(rules.uint32(), scalar.read(&R::GetUInt32, &R::GetRepeatedUInt32), context);
      return;
    case FieldDescriptor::CPPTYPE_INT32:
      if (rules.has_int32())
        check_number(rules.int32(), scalar.read(&R::GetInt32, &R::GetRepeatedInt32), context);
      return;
    case FieldDescriptor::CPPTYPE_UINT64:
      if (rules.has_uint64())
        check_number(rules.uint64(), scalar.read(&R::GetUInt64, &R::GetRepeatedUInt64), context);
      return;
    case FieldDescriptor::CPPTYPE_INT64:
      if (rules.has_int64())
        check_number(rules.int64(), scalar.read(&R::GetInt64, &R::GetRepeatedInt64), context);
      return;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      if (rules.has_double_())
        check_number(rules.double_(), scalar.read(&R::GetDouble, &R::GetRepeatedDouble), context);
      return;
    case FieldDescriptor::CPPTYPE_FLOAT:
      if (rules.has_float_())
        check_number(rules.float_(), scalar.read(&R::GetFloat, &R::GetRepeatedFloat), context);
      return;
    default: return;
  }
}

bool is_required(const validate::FieldRules& rules) {
  return rules.message().required() || rules.duration().required() || rules.any().required();
}

}  // namespace

FieldConstraints::FieldConstraints(const FieldDescriptor& field) : field_(&field), kind_(kind_of(field)) {
  if (field.is_map() || !field.options().HasExtension(validate::rules)) return;
  rules_ = &field.options().GetExtension(validate::rules);
  if (field.is_repeated()) {
    concern_unset_ = rules_->repeated().min_items() > 0 && !rules_->repeated().ignore_empty();
    concern_set_ = true;
  } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    concern_unset_ = is_required(*rules_) && field.containing_oneof() == nullptr;
    concern_set_ = kind_ != Kind::kOther;
  } else {
    concern_unset_ = !field.has_presence();  // an empty string may be too short
    concern_set_ = true;
  }
}

FieldConstraints::Kind FieldConstraints::kind_of(const FieldDescriptor& field) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return Kind::kScalar;
  const auto* type = field.message_type();
  if (type == Duration::descriptor()) return Kind::kDuration;
  const bool is_well_known = type->full_name().rfind("google.protobuf.", 0) == 0;
  return is_well_known && type->field_count() == 1 ? Kind::kWrapper : Kind::kOther;
}

void FieldConstraints::check(const Message& message, bool is_set, Context& context) const {
  if (!concern(is_set)) return;
  if (field_->is_repeated()) return check_repeated(message, context);
  const auto scope = context.in(field_->name());
  if (kind_ == Kind::kScalar) return check_scalar(*rules_, {message, *field_, -1}, context);
  if (!is_set) return context.error("is required");
  check_value(*rules_, message.GetReflection()->GetMessage(message, field_), context);
}

void FieldConstraints::check_value(const validate::FieldRules& rules, const Message& value,
                                   Context& context) const {
  if (kind_ == Kind::kDuration && rules.has_duration()) {
    Duration duration;
    duration.CopyFrom(value);
    check_duration(rules.duration(), duration, context);
  } else if (kind_ == Kind::kWrapper) {
    check_scalar(rules, {value, *value.GetDescriptor()->field(0), -1}, context);
  }
}

void FieldConstraints::check_repeated(const Message& message, Context& context) const {
  const auto& rules = rules_->repeated();
  const Reflection& reflection = *message.GetReflection();
  const int size = reflection.FieldSize(message, field_);
  if (size == 0 && rules.ignore_empty()) return;
  if (static_cast<uint64_t>(size) < rules.min_items()) {
    context.error(field_->name(),
                  size == 0 ? "must not be empty"
                            : "must have at least " + std::to_string(rules.min_items()) + " entries");
  }
  if (rules.has_max_items() && static_cast<uint64_t>(size) > rules.max_items()) {
    context.error(field_->name(), "must have at most " + std::to_string(rules.max_items()) + " entries");
  }
  if (kind_ == Kind::kOther) return;
  std::set<std::string> seen;
  for (int i = 0; i < size; ++i) {
    const auto scope = context.in(field_->name(), i);
    if (kind_ != Kind::kScalar) {
      check_value(rules.items(), reflection.GetRepeatedMessage(message, field_, i), context);
      continue;
    }
    check_scalar(rules.items(), {message, *field_, i}, context);
    if (rules.unique() && field_->cpp_type() == FieldDescriptor::CPPTYPE_STRING &&
        !seen.insert(reflection.GetRepeatedString(message, field_, i)).second) {
      context.error("is there twice");
    }
  }
}

std::vector<const OneofDescriptor*> required_oneofs(const Descriptor& type) {
  std::vector<const OneofDescriptor*> found;
  for (int i = 0; i < type.real_oneof_decl_count(); ++i) {
    const auto* oneof = type.oneof_decl(i);
    if (oneof->options().GetExtension(validate::required)) found.push_back(oneof);
  }
  return found;
}

void check_required_oneof(const Message& message, const OneofDescriptor& oneof, Context& context) {
  if (message.GetReflection()->HasOneof(message, &oneof)) return;
  std::string names;
  for (int f = 0; f < oneof.field_count(); ++f) names += (f == 0 ? "" : ", ") + oneof.field(f)->name();
  context.error("one of " + names + " is required");
}

}  // namespace remora::xds

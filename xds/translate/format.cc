#include "translate/format.h"

#include <algorithm>

#include "translate/values.h"

namespace remora::xds {
namespace {

std::vector<JsonTemplate::Member> to_members(const google::protobuf::Struct& shape, Context& context) {
  using google::protobuf::Value;
  std::vector<JsonTemplate::Member> members;
  for (const auto& [key, value] : shape.fields()) {
    const auto scope = context.in(key);
    JsonTemplate::Member member;
    member.key = key;
    if (value.kind_case() == Value::kStringValue) {
      member.value = to_format(value.string_value(), context);
    } else if (value.kind_case() == Value::kStructValue) {
      member.members = to_members(value.struct_value(), context);
    } else {
      context.error("only strings and objects are implemented in a JSON format");
    }
    members.push_back(std::move(member));
  }
  // A proto map has no order of its own.
  std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  return members;
}

}  // namespace

Format to_format(std::string_view text, Context& context) {
  auto format = Format::parse(text);
  if (format.ok()) return std::move(*format);
  context.error(format.error().message);
  return {};
}

JsonTemplate to_json_template(const google::protobuf::Struct& shape, Context& context) {
  JsonTemplate out;
  out.members = to_members(shape, context);
  return out;
}

BodyFormat to_body_format(const envoy::config::core::v3::SubstitutionFormatString& format, Context& context) {
  BodyFormat out;
  out.json = format.has_json_format();
  out.content_type = format.content_type();
  if (out.content_type.empty()) out.content_type = out.json ? "application/json" : "text/plain";
  if (out.json) {
    const auto scope = context.in("json_format");
    out.json_format = to_json_template(format.json_format(), context);
    out.json_format.omit_empty = format.omit_empty_values();
  } else {
    out.text = to_text_format(format, context);
  }
  return out;
}

}  // namespace remora::xds

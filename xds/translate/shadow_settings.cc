#include <cmath>

#include "translate/our_metadata.h"
#include "translate/route.h"

namespace remora::xds {
namespace {

using google::protobuf::Value;

/// A number of bytes; nullopt after an error.
std::optional<uint64_t> to_bytes_limit(const Value& value, std::string_view key, Context& context) {
  constexpr double kMost = 1024.0 * 1024 * 1024;
  const double number = value.number_value();
  if (value.kind_case() == Value::kNumberValue && number >= 0 && number <= kMost &&
      number == std::floor(number))
    return static_cast<uint64_t>(number);
  context.error(key, "must be a whole number of bytes up to 2^30");
  return std::nullopt;
}

ShadowCompare to_compare(const Value& value, Context& context) {
  ShadowCompare out;
  each_member(value, context, [&](const std::string& key, const Value& member) {
    if (key == "max_body_bytes") {
      out.max_body_bytes = to_bytes_limit(member, key, context).value_or(0);
    } else if (key == "body") {
      if (member.kind_case() != Value::kBoolValue) context.error(key, "must be true or false");
      out.body = member.bool_value();
    } else {
      return false;
    }
    return true;
  });
  return out;
}

}  // namespace

ShadowSettings to_shadow_settings(const envoy::config::core::v3::Metadata& metadata, Context& context) {
  ShadowSettings out;
  each_of_ours(metadata, context, [&](const std::string& name, const Value& value) {
    if (name != "shadow") return false;
    const auto at_shadow = context.in("shadow");
    each_member(value, context, [&](const std::string& key, const Value& member) {
      if (key == "max_queued_bytes") {
        out.max_queued_bytes = to_bytes_limit(member, key, context).value_or(out.max_queued_bytes);
        return true;
      }
      if (key != "compare") return false;
      const auto at_compare = context.in("compare");
      out.compare = to_compare(member, context);
      return true;
    });
    return true;
  });
  return out;
}

}  // namespace remora::xds

#pragma once

#include <string>

#include "envoy/config/core/v3/base.pb.h"
#include "translate/context.h"

namespace remora::xds {

/// Calls `read(key, value)` for each member of `value`; what it does not know it says by returning false.
template <typename Read>
void each_member(const google::protobuf::Value& value, Context& context, const Read& read) {
  if (value.kind_case() != google::protobuf::Value::kStructValue) return context.error("must be a struct");
  for (const auto& [key, member] : value.struct_value().fields()) {
    if (!read(key, member)) context.error(key, "is not implemented by this build");
  }
}

/// The same for what the namespace "remora" of `metadata` holds: settings that Envoy does not have, and does
/// not look at. Paths start at the message that has the metadata.
template <typename Read>
void each_of_ours(const envoy::config::core::v3::Metadata& metadata, Context& context, const Read& read) {
  constexpr std::string_view kNamespace = "remora";
  const auto found = metadata.filter_metadata().find(std::string(kNamespace));
  if (found == metadata.filter_metadata().end()) return;
  const auto at_metadata = context.in("metadata");
  const auto at_namespace = context.in_key("filter_metadata", kNamespace);
  google::protobuf::Value all;
  *all.mutable_struct_value() = found->second;
  each_member(all, context, read);
}

}  // namespace remora::xds

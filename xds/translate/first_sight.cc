#include "translate/first_sight.h"

#include "envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.pb.h"
#include "envoy/extensions/http/original_ip_detection/custom_header/v3/custom_header.pb.h"
#include "envoy/extensions/http/original_ip_detection/xff/v3/xff.pb.h"
#include "translate/field_check.h"
#include "translate/header_mutations.h"
#include "translate/typed_config.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using ProtoExtension = envoy::config::core::v3::TypedExtensionConfig;
using envoy::extensions::http::early_header_mutation::header_mutation::v3::HeaderMutation;
using envoy::extensions::http::original_ip_detection::custom_header::v3::CustomHeaderConfig;
using envoy::extensions::http::original_ip_detection::xff::v3::XffConfig;

OriginalIpDetection to_detection(const XffConfig& xff, Context& context) {
  OriginalIpDetection out;
  out.trusted_hops = xff.xff_num_trusted_hops();
  out.append = xff.has_skip_xff_append() && !xff.skip_xff_append().value();
  if (!xff.has_xff_trusted_cidrs()) return out;
  if (out.trusted_hops > 0) context.error("xff_trusted_cidrs", "cannot be set beside xff_num_trusted_hops");
  const auto scope = context.in("xff_trusted_cidrs");
  for (int i = 0; i < xff.xff_trusted_cidrs().cidrs_size(); ++i) {
    const auto range = context.in("cidrs", i);
    out.trusted_ranges.push_back(to_cidr(xff.xff_trusted_cidrs().cidrs(i), context));
  }
  return out;
}

OriginalIpDetection to_detection(const CustomHeaderConfig& custom, Context& context) {
  OriginalIpDetection out;
  out.header = lower(custom.header_name());
  if (out.header.empty()) context.error("header_name", "is required");
  out.trusted = custom.allow_extension_to_set_address_as_trusted();
  // As Envoy does: a status that is no refusal becomes 403.
  const int code = static_cast<int>(custom.reject_with_status().code());
  if (custom.has_reject_with_status())
    out.reject_status = code < 400 || code > 511 ? 403 : static_cast<uint16_t>(code);
  return out;
}

void add_detection(const ProtoExtension& extension, Context& context, HttpConnectionManagerConfig& out) {
  const TypedConfig config = unpack(extension.typed_config());
  if (const auto* xff = dynamic_cast<const XffConfig*>(config.message.get())) {
    const auto field = context.in("typed_config");
    check_fields(*xff, context);
    out.original_ip.push_back(to_detection(*xff, context));
  } else if (const auto* custom = dynamic_cast<const CustomHeaderConfig*>(config.message.get())) {
    const auto field = context.in("typed_config");
    check_fields(*custom, context);
    out.original_ip.push_back(to_detection(*custom, context));
  } else {
    refuse_extension("original IP detection", extension.name(), config, context);
  }
}

void add_mutations(const ProtoExtension& extension, Context& context, HttpConnectionManagerConfig& out) {
  const TypedConfig config = unpack(extension.typed_config());
  const auto* mutation = dynamic_cast<const HeaderMutation*>(config.message.get());
  if (mutation == nullptr)
    return refuse_extension("early header mutation", extension.name(), config, context);
  const auto field = context.in("typed_config");
  check_fields(*mutation, context);
  auto edits = to_header_edits(mutation->mutations(), "mutations", context);
  for (auto& edit : edits) out.early_mutations.push_back(std::move(edit));
}

}  // namespace

void set_first_sight(const ProtoConnectionManager& manager, Context& context,
                     HttpConnectionManagerConfig& out) {
  for (int i = 0; i < manager.early_header_mutation_extensions_size(); ++i) {
    const auto scope = context.in("early_header_mutation_extensions", i);
    add_mutations(manager.early_header_mutation_extensions(i), context, out);
  }
  for (int i = 0; i < manager.original_ip_detection_extensions_size(); ++i) {
    const auto scope = context.in("original_ip_detection_extensions", i);
    add_detection(manager.original_ip_detection_extensions(i), context, out);
  }
  if (out.original_ip.empty()) return;
  if (out.use_remote_address || out.xff_num_trusted_hops > 0)
    context.error("original_ip_detection_extensions",
                  "cannot be set beside use_remote_address and xff_num_trusted_hops");
}

}  // namespace remora::xds

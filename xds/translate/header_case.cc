#include "translate/header_case.h"

#include "envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case.pb.h"
#include "translate/field_check.h"
#include "translate/typed_config.h"

namespace remora::xds {
namespace {

using envoy::extensions::http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig;

void set_formatter(const envoy::config::core::v3::TypedExtensionConfig& formatter, Context& context,
                   HeaderCase& out) {
  const auto scope = context.in("stateful_formatter");
  const TypedConfig config = unpack(formatter.typed_config());
  const auto* preserve = dynamic_cast<const PreserveCaseFormatterConfig*>(config.message.get());
  if (preserve == nullptr) return refuse_extension("header formatter", formatter.name(), config, context);
  const auto field = context.in("typed_config");
  check_fields(*preserve, context);
  out.preserve = true;
  out.keep_reason = preserve->forward_reason_phrase();
  if (preserve->formatter_type_on_envoy_headers() == PreserveCaseFormatterConfig::PROPER_CASE)
    out.added = HeaderCase::Style::kProper;
}

}  // namespace

HeaderCase to_header_case(const envoy::config::core::v3::Http1ProtocolOptions& options, Context& context) {
  HeaderCase out;
  const auto& format = options.header_key_format();
  const auto scope = context.in("header_key_format");
  if (format.has_proper_case_words()) out.style = HeaderCase::Style::kProper;
  if (format.has_stateful_formatter()) set_formatter(format.stateful_formatter(), context, out);
  return out;
}

}  // namespace remora::xds

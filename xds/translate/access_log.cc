#include "translate/access_log.h"

#include "envoy/extensions/access_loggers/file/v3/file.pb.h"
#include "envoy/extensions/access_loggers/stream/v3/stream.pb.h"
#include "translate/field_check.h"
#include "translate/format.h"
#include "translate/typed_config.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using envoy::config::core::v3::SubstitutionFormatString;
using envoy::extensions::access_loggers::file::v3::FileAccessLog;
using envoy::extensions::access_loggers::stream::v3::StderrAccessLog;
using envoy::extensions::access_loggers::stream::v3::StdoutAccessLog;

Format default_format() {
  auto format = Format::parse(default_access_log_format());
  return std::move(*format);
}

void set_json(const google::protobuf::Struct& shape, std::string_view field, Context& context,
              AccessLogConfig& out) {
  const auto scope = context.in(field);
  out.json = true;
  out.json_format = to_json_template(shape, context);
}

void set_text(std::string_view text, std::string_view field, Context& context, AccessLogConfig& out) {
  const auto scope = context.in(field);
  out.text = to_format(text, context);
}

void set_format(const SubstitutionFormatString& format, Context& context, AccessLogConfig& out) {
  const auto scope = context.in("log_format");
  switch (format.format_case()) {
    case SubstitutionFormatString::kTextFormat:
      set_text(format.text_format(), "text_format", context, out);
      break;
    case SubstitutionFormatString::kTextFormatSource:
      set_text(to_bytes(format.text_format_source(), "text_format_source", context), "text_format_source",
               context, out);
      break;
    case SubstitutionFormatString::kJsonFormat:
      set_json(format.json_format(), "json_format", context, out);
      break;
    default: break;
  }
  out.json_format.omit_empty = format.omit_empty_values();
  if (!format.content_type().empty())
    context.warning("content_type", "has no effect: it is for bodies, not for logs");
  if (format.omit_empty_values() && !out.json)
    context.unsupported("omit_empty_values", "it for a text format");
}

void set_file(const FileAccessLog& log, Context& context, AccessLogConfig& out) {
  out.sink = AccessLogConfig::Sink::kFile;
  out.path = log.path();
  switch (log.access_log_format_case()) {
    case FileAccessLog::kFormat: set_text(log.format(), "format", context, out); break;
    case FileAccessLog::kJsonFormat: set_json(log.json_format(), "json_format", context, out); break;
    case FileAccessLog::kTypedJsonFormat:
      set_json(log.typed_json_format(), "typed_json_format", context, out);
      break;
    case FileAccessLog::kLogFormat: set_format(log.log_format(), context, out); break;
    default: break;
  }
}

void set_sink(const envoy::config::accesslog::v3::AccessLog& log, Context& context, AccessLogConfig& out) {
  const TypedConfig config = unpack(log.typed_config());
  const auto* file = dynamic_cast<const FileAccessLog*>(config.message.get());
  const auto* to_stdout = dynamic_cast<const StdoutAccessLog*>(config.message.get());
  const auto* to_stderr = dynamic_cast<const StderrAccessLog*>(config.message.get());
  if (!file && !to_stdout && !to_stderr)
    return refuse_extension("access logger", log.name(), config, context);
  const auto scope = context.in("typed_config");
  check_fields(*config.message, context);
  if (file) return set_file(*file, context, out);
  out.sink = to_stdout ? AccessLogConfig::Sink::kStdout : AccessLogConfig::Sink::kStderr;
  const bool has_format = to_stdout ? to_stdout->has_log_format() : to_stderr->has_log_format();
  if (has_format) set_format(to_stdout ? to_stdout->log_format() : to_stderr->log_format(), context, out);
}

std::shared_ptr<const AccessLogConfig> to_access_log(const envoy::config::accesslog::v3::AccessLog& log,
                                                     Context& context) {
  auto out = std::make_shared<AccessLogConfig>();
  out->text = default_format();
  if (log.has_filter()) {
    const auto scope = context.in("filter");
    out->filter = std::make_shared<const AccessLogFilter>(to_access_log_filter(log.filter(), context));
  }
  set_sink(log, context, *out);
  return out;
}

}  // namespace

std::vector<std::shared_ptr<const AccessLogConfig>> to_access_logs(const ProtoAccessLogs& logs,
                                                                   std::string_view field, Context& context) {
  std::vector<std::shared_ptr<const AccessLogConfig>> out;
  for (int i = 0; i < logs.size(); ++i) {
    const auto scope = context.in(field, i);
    out.push_back(to_access_log(logs[i], context));
  }
  return out;
}

}  // namespace remora::xds

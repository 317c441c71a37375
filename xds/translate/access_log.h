#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <memory>
#include <string_view>
#include <vector>

#include "envoy/config/accesslog/v3/accesslog.pb.h"
#include "remora/config/access_log.h"
#include "translate/context.h"

namespace remora::xds {

using ProtoAccessLogs = google::protobuf::RepeatedPtrField<envoy::config::accesslog::v3::AccessLog>;

/// Access loggers of a field. Errors: a sink that is not file, stdout or stderr; a format that does not
/// parse.
std::vector<std::shared_ptr<const AccessLogConfig>> to_access_logs(const ProtoAccessLogs& logs,
                                                                   std::string_view field, Context& context);

/// Standing at the filter.
AccessLogFilter to_access_log_filter(const envoy::config::accesslog::v3::AccessLogFilter& filter,
                                     Context& context);

}  // namespace remora::xds

#pragma once

#include <string>
#include <string_view>

#include "remora/core/stats.h"

namespace remora::admin {

/// Appends a metric or label name with every character that Prometheus does not allow made '_'.
void append_prometheus_name(std::string_view text, std::string& out);

/// Appends `name="value"`: backslash, quote and line feed escaped; bytes that are no UTF-8 become U+FFFD,
/// since one of them would make a scraper refuse the whole answer, and some values (host names) come from
/// clients.
void append_prometheus_label(std::string_view name, std::string_view value, std::string& out);

/// The other name under which a metric also answers; "" for none. istio_requests_total also answers as
/// istio_request_total, which a much-read tutorial calls it: dashboards copied from there work.
std::string_view prometheus_alias(std::string_view metric);

}  // namespace remora::admin

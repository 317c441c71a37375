#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "istio/text/value.h"

namespace remora::istio {

using Duration = std::chrono::nanoseconds;

/// What Kubernetes takes an unquoted scalar for: YAML 1.1's words (yes, off, ~) included, since its reader
/// knows them.
Value::Type plain_scalar_type(std::string_view text);

/// Whether a scalar of type kBool means true.
bool is_true(std::string_view text);

/// The number as JSON writes it (no leading plus, dot or zeroes; a hexadecimal one in decimal).
std::string json_number(std::string_view text);

/// Appends `text` quoted and escaped.
void append_json_string(std::string_view text, std::string& out);

/// A whole number, nothing else; empty where it is not one or does not fit.
std::optional<long long> parse_integer(std::string_view text);

std::optional<double> parse_double(std::string_view text);

/// "1h30m", "1.5s", "250ms" (h, m, s, ms, us, ns; no sign), as Istio writes durations; "0" is zero. Empty
/// where it is anything else.
std::optional<Duration> parse_duration(std::string_view text);

/// Whether `text` is an IPv4 or IPv6 address.
bool is_ip_address(const std::string& text);

}  // namespace remora::istio

#include "istio/text/scalar.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace remora::istio {
namespace {

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<long long> parse_hexadecimal(std::string_view text) {
  if (!text.starts_with("0x") || text.size() == 2) return std::nullopt;
  long long number = 0;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), number, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// The length of one duration unit at the start of `text`, and how many nanoseconds it is.
std::optional<std::pair<size_t, double>> duration_unit(std::string_view text) {
  struct Unit {
    std::string_view name;
    double nanoseconds;
  };
  static constexpr std::array<Unit, 6> kUnits{
      {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};
  for (const Unit& unit : kUnits) {
    if (text.starts_with(unit.name)) return std::pair{unit.name.size(), unit.nanoseconds};
  }
  return std::nullopt;
}

}  // namespace

Value::Type plain_scalar_type(std::string_view text) {
  if (one_of(text, {"", "~", "null", "Null", "NULL"})) return Value::Type::kNull;
  if (one_of(text, {"true", "True", "TRUE", "false", "False", "FALSE", "yes", "Yes", "YES", "no", "No", "NO",
                    "on", "On", "ON", "off", "Off", "OFF"})) {
    return Value::Type::kBool;
  }
  if (parse_double(text) || parse_hexadecimal(text)) return Value::Type::kNumber;
  return Value::Type::kString;
}

bool is_true(std::string_view text) {
  return one_of(text, {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"});
}

std::string json_number(std::string_view text) {
  if (const auto integer = parse_integer(text)) return std::to_string(*integer);
  if (const auto number = parse_double(text)) {
    std::array<char, 32> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%.17g", *number);
    return buffer.data();
  }
  return "null";
}

void append_json_string(std::string_view text, std::string& out) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    } else {
      out += c;
    }
  }
  out += '"';
}

std::optional<long long> parse_integer(std::string_view text) {
  if (text.starts_with("0x")) return parse_hexadecimal(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  long long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<double> parse_double(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  // from_chars also knows "inf" and "nan": those are words here.
  const size_t first = text.starts_with('-') ? 1 : 0;
  if (first >= text.size() || !(is_digit(text[first]) || text[first] == '.')) return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration::zero();
  if (text.empty()) return std::nullopt;
  constexpr double kLongest = 100.0 * 365 * 24 * 3600e9;  // a century: below what 64 bits of nanoseconds hold
  double total = 0;
  while (!text.empty()) {
    const auto digits =
        std::find_if(text.begin(), text.end(), [](char c) { return !is_digit(c) && c != '.'; });
    const auto length = static_cast<size_t>(digits - text.begin());
    const auto number = parse_double(text.substr(0, length));
    const auto unit = duration_unit(text.substr(length));
    if (!number || !unit) return std::nullopt;
    total += *number * unit->second;
    if (total > kLongest) return std::nullopt;
    text.remove_prefix(length + unit->first);
  }
  return Duration(std::llround(total));
}

bool is_ip_address(const std::string& text) {
  in6_addr address{};
  return inet_pton(AF_INET, text.c_str(), &address) == 1 || inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

}  // namespace remora::istio

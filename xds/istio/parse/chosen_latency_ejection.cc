#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

#include "istio/parse/rule_annotations.h"

namespace remora::istio {
namespace {

constexpr const char* kName = "remora.dev/latency-ejection";

/// What the proxy takes. docs/outlier-detection.md.
struct Setting {
  const char* name;
  double least;
  double most;
  bool whole;  // else `least` and `most` themselves are none of its values
};
constexpr Setting kSettings[] = {
    {"factor", 1, 1000, false},      {"percentile", 0, 100, false},    {"minimum_latency_ms", 0, 1e9, true},
    {"minimum_hosts", 2, 1e9, true}, {"request_volume", 1, 1e9, true}, {"enforcing", 0, 100, true},
};

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

bool fits(const Setting& setting, double value) {
  if (setting.whole) return value >= setting.least && value <= setting.most && value == std::floor(value);
  return value > setting.least && value < setting.most;
}

std::string range_of(const Setting& setting) {
  const auto number = [](double value) { return std::to_string(static_cast<long long>(value)); };
  return setting.whole ? "a whole number from " + number(setting.least) + " to " + number(setting.most)
                       : "a number above " + number(setting.least) + " and below " + number(setting.most);
}

/// "factor=3"
Result<void> read_setting(const std::string& text, LatencyEjection& out) {
  const size_t equals = std::min(text.find('='), text.size());
  const std::string name = trimmed(text.substr(0, equals));
  const std::string value = equals == text.size() ? "" : trimmed(text.substr(equals + 1));
  const auto* setting = std::find_if(std::begin(kSettings), std::end(kSettings),
                                     [&](const Setting& s) { return name == s.name; });
  if (setting == std::end(kSettings))
    return Error{std::string(kName) + ": \"" + name + "\" is no setting of it"};
  double number = 0;
  const char* end = value.data() + value.size();
  const auto read = std::from_chars(value.data(), end, number, std::chars_format::fixed);
  if (read.ec != std::errc() || read.ptr != end || !fits(*setting, number))
    return Error{std::string(kName) + ": " + name + " must be " + range_of(*setting) + ", not \"" + value +
                 "\""};
  if (!out.emplace(name, number).second) return Error{std::string(kName) + ": " + name + " is there twice"};
  return {};
}

Result<LatencyEjection> parse(const std::string& value) {
  LatencyEjection out;
  for (size_t from = 0; from < value.size();) {
    const size_t end = std::min(value.find(';', from), value.size());
    if (auto read = read_setting(value.substr(from, end - from), out); !read) return std::move(read).error();
    from = end + 1;
  }
  return out;
}

}  // namespace

Result<void> choose_latency_ejection(const std::string& value, DestinationRule& rule) {
  auto settings = parse(trimmed(value));
  if (!settings) return std::move(settings).error();
  bool judged = false;
  each_policy(rule, [&](PolicySettings& policy) {
    if (!policy.outlier_detection) return;
    judged = true;
    policy.outlier_detection->latency = *settings;
  });
  if (!judged)
    return Error{
        std::string(kName) +
        " needs outlierDetection, which says when hosts are judged and for how long they are ejected"};
  return {};
}

}  // namespace remora::istio

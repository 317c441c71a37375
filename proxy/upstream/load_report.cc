#include "upstream/load_report.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cmath>

#include "remora/http/header_map.h"

namespace remora {
namespace {

constexpr std::string_view kHeader = "endpoint-load-metrics";
constexpr std::string_view kBinaryHeader = "endpoint-load-metrics-bin";

/// gRPC leaves the padding out, others do not.
bool read_base64(std::string_view text, MetricTaker& taker) {
  std::string padded(text);
  padded.resize((text.size() + 3) / 4 * 4, '=');
  std::string bytes(padded.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(padded.data()), static_cast<int>(padded.size()));
  if (size <= 0) return false;
  const auto padding =
      std::count(padded.end() - std::min<ptrdiff_t>(2, std::ssize(padded)), padded.end(), '=');
  bytes.resize(static_cast<size_t>(size - padding));
  return read_binary_report(bytes, taker);
}

bool read(const HeaderMap& headers, MetricTaker& taker) {
  if (const auto binary = headers.get(kBinaryHeader)) return read_base64(*binary, taker);
  const auto header = headers.get(kHeader);
  if (!header) return false;
  if (header->starts_with("TEXT ")) return read_text_report(header->substr(5), taker);
  if (header->starts_with("JSON ")) return read_json_report(header->substr(5), taker);
  return header->starts_with("BIN ") && read_base64(header->substr(4), taker);
}

/// "named_metrics.queue" or "named_metrics.*" for a metric of a group.
bool names(std::string_view wanted, std::string_view group, std::string_view name) {
  if (group.empty()) return wanted == name;
  if (!wanted.starts_with(group) || wanted.size() <= group.size() || wanted[group.size()] != '.')
    return false;
  const auto rest = wanted.substr(group.size() + 1);
  return rest == "*" || rest == name;
}

}  // namespace

void MetricTaker::take(std::string_view group, std::string_view name, double value) {
  if (group.empty()) {
    if (name == "application_utilization") report_.application_utilization = value;
    if (name == "cpu_utilization") report_.cpu_utilization = value;
    if (name == "rps_fractional") report_.rps = value;
    if (name == "eps") report_.eps = value;
  }
  const bool wanted =
      std::ranges::any_of(metrics_, [&](const std::string& metric) { return names(metric, group, name); });
  if (wanted) report_.most_utilized = std::max(report_.most_utilized, value);
}

std::optional<LoadReport> read_load_report(const HeaderMap& headers,
                                           const std::vector<std::string>& metrics) {
  LoadReport report;
  MetricTaker taker(report, metrics);
  if (!read(headers, taker)) return std::nullopt;
  return report;
}

std::optional<double> weight_of(const LoadReport& report, double error_penalty) {
  if (!(report.rps > 0)) return std::nullopt;
  double utilization = report.application_utilization;
  if (!(utilization > 0)) utilization = report.most_utilized;
  if (!(utilization > 0)) utilization = report.cpu_utilization;
  utilization += error_penalty * report.eps / report.rps;
  const double weight = report.rps / utilization;
  if (!(utilization > 0) || !std::isfinite(weight)) return std::nullopt;
  return std::clamp(weight, 1.0, static_cast<double>(UINT32_MAX));
}

}  // namespace remora

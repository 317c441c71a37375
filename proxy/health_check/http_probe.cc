#include "health_check/http_probe.h"

#include <algorithm>
#include <utility>

#include "stats/health_check_stats.h"

namespace remora {
namespace {

constexpr std::string_view kDegraded = "x-envoy-degraded";
constexpr std::string_view kCheckedCluster = "x-envoy-upstream-healthchecked-cluster";

bool in(uint16_t status, const StatusRanges& ranges) {
  return std::ranges::any_of(
      ranges, [status](const auto& range) { return status >= range.first && status < range.second; });
}

}  // namespace

HttpProbe::HttpProbe(const std::shared_ptr<CheckedCluster>& cluster, std::shared_ptr<const Host> host,
                     ProbeOwner& owner, const HttpHealthCheck& check)
    : StreamProbe(cluster, std::move(host), owner, check.http2),
      check_(check),
      body_(check.receive) {}

void HttpProbe::send_request(MessageSink& request) {
  body_.reset();
  body_bytes_ = 0;
  auto head = basic_head(check_.method, check_.path, check_.host);
  add_headers(check_.headers, head);
  const bool has_body = !check_.send.empty();
  if (has_body) head.set(HeaderId::kContentLength, check_.send.size());
  request.send_head(head, !has_body);
  if (has_body) request.send_body({check_.send, {}}, true);
}

void HttpProbe::on_head(HeaderMap& head, bool end) {
  response_ = head;
  if (end) judge();
}

void HttpProbe::on_body(BodyChunk chunk, bool end) {
  auto bytes = chunk.bytes;
  if (check_.response_buffer > 0)
    bytes = bytes.substr(0, check_.response_buffer - std::min(check_.response_buffer, body_bytes_));
  body_bytes_ += bytes.size();
  body_.feed(bytes);
  if (end) judge();
}

void HttpProbe::on_trailers(HeaderMap& /*trailers*/) { judge(); }

void HttpProbe::judge() {
  response_complete();
  CheckResult result;
  result.http_status = response_.status();
  result.why = fault();
  result.success = result.why.empty();
  result.degraded = result.success && response_.get(kDegraded).has_value();
  if (!result.success) {
    const bool status_is_wrong = body_.done() && !in(result.http_status, check_.expected);
    result.retriable = status_is_wrong && in(result.http_status, check_.retriable);
    result.immediate_fail =
        (!body_.done() || status_is_wrong) && response_.has(HeaderId::kXEnvoyImmediateHealthCheckFail);
  }
  finish(std::move(result));
}

/// What is wrong with the response; "": nothing.
std::string HttpProbe::fault() const {
  if (!body_.done()) return "the body is not what http_health_check.receive expects";
  if (!in(response_.status(), check_.expected))
    return "status " + std::to_string(response_.status()) + " is not among expected_statuses";
  if (!check_.service_name) return {};
  stats().add(kHealthCheckVerifyCluster);
  const auto name = response_.get(kCheckedCluster).value_or(std::string_view());
  if (check_.service_name->matches(name)) return {};
  return std::string(kCheckedCluster) + " '" + std::string(name) +
         "' is not what service_name_matcher expects";
}

}  // namespace remora

#include "admission_control/admission_control.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/per_exchange.h"
#include "remora/http/grpc.h"

namespace remora::filters {
namespace {

constexpr uint16_t kServiceUnavailable = 503;

bool is_http_success(const SuccessCriteria& criteria, uint16_t status) {
  return std::ranges::any_of(
      criteria.http, [status](const auto& range) { return status >= range.first && status < range.second; });
}

/// A status that is missing or no number of gRPC's is no success.
bool is_grpc_success(const SuccessCriteria& criteria, const HeaderMap& head) {
  const std::string_view text = head.value_of(HeaderId::kGrpcStatus);
  uint32_t status = SuccessCriteria::kGrpcStatuses;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), status);
  const bool known =
      error == std::errc() && end == text.data() + text.size() && status < SuccessCriteria::kGrpcStatuses;
  return known && (criteria.grpc >> status & 1) != 0;
}

/// A response that ends with its head is gRPC's if it has a status, whatever its content-type.
bool is_grpc_response(const HeaderMap& head, bool end) {
  if (end) return head.has(HeaderId::kGrpcStatus);
  return head.status() == 200 && is_grpc_content_type(head.value_of(HeaderId::kContentType));
}

class AdmissionControlFilter final : public HttpFilter {
 public:
  explicit AdmissionControlFilter(std::shared_ptr<const AdmissionControlConfig> config)
      : config_(std::move(config)),
        window_(config_->sampling_window) {}

  Verdict on_request_head(FilterContext& context, HeaderMap&, bool) override {
    if (!config_->enabled || context.info().health_check) return Verdict::go_on();
    if (rejects(context)) {
      config_->stats->block(context.shard()).add(kAdmissionRejected);
      LocalReply reply;
      reply.status = kServiceUnavailable;
      reply.details = "denied_by_admission_control";
      return Verdict::reply(std::move(reply));
    }
    admitted_.begin(context);
    return Verdict::go_on();
  }

  Verdict on_response_head(FilterContext& context, HeaderMap& head, bool end) override {
    Admitted* admitted = admitted_.find(context);
    if (admitted == nullptr) return Verdict::go_on();
    if (!is_grpc_response(head, end)) {
      record(context, is_http_success(config_->success, head.status()));
    } else if (head.has(HeaderId::kGrpcStatus)) {
      record(context, is_grpc_success(config_->success, head));
    } else {
      admitted->status_in_trailers = true;
    }
    return Verdict::go_on();
  }

  void on_response_trailers(FilterContext& context, HeaderMap& trailers) override {
    const Admitted* admitted = admitted_.find(context);
    if (admitted != nullptr && admitted->status_in_trailers)
      record(context, is_grpc_success(config_->success, trailers));
  }

  /// One that has ended without an answer counts as nothing.
  void on_complete(FilterContext& context) override { admitted_.end(context); }

 private:
  struct Admitted {
    bool status_in_trailers = false;
    void reset() { status_in_trailers = false; }
  };

  bool rejects(FilterContext& context) {
    const MonotonicTime now = context.clock().now();
    if (window_.average_rps(now) < config_->rps_threshold) return false;
    constexpr uint64_t kAccuracy = 10'000;
    const double share = rejection_probability(window_.counts(now), *config_);
    return share > 0 && kAccuracy * share > static_cast<double>(context.random().below(kAccuracy));
  }

  void record(FilterContext& context, bool success) {
    window_.record(context.clock().now(), success);
    config_->stats->block(context.shard()).add(success ? kAdmissionSuccess : kAdmissionFailure);
  }

  std::shared_ptr<const AdmissionControlConfig> config_;
  SuccessWindow window_;
  PerExchange<Admitted> admitted_;
};

}  // namespace

double rejection_probability(const SuccessWindow::Counts& counts, const AdmissionControlConfig& config) {
  const auto requests = static_cast<double>(counts.requests);
  const auto needed = static_cast<double>(counts.successes) / config.success_threshold;
  const double missing = std::max(0.0, requests - needed) / (requests + 1);
  return std::min(std::pow(missing, 1 / config.aggression), config.max_rejection_probability);
}

std::unique_ptr<HttpFilter> make_admission_control_filter(
    std::shared_ptr<const AdmissionControlConfig> config) {
  return std::make_unique<AdmissionControlFilter>(std::move(config));
}

}  // namespace remora::filters

#include <algorithm>

#include "admission_control/admission_control.h"
#include "common/http_scope.h"
#include "common/shared_factory.h"
#include "config_values.h"
#include "envoy/extensions/filters/http/admission_control/v3/admission_control.pb.h"

namespace remora::filters {
namespace {

using envoy::extensions::filters::http::admission_control::v3::AdmissionControl;

constexpr StatDef kSchema[kAdmissionStats] = {
    {.name = "rq_rejected"}, {.name = "rq_success"}, {.name = "rq_failure"}};

void set_http(const AdmissionControl::SuccessCriteria::HttpCriteria& proto, const std::string& path,
              ConfigReport& report, SuccessCriteria& out) {
  constexpr int32_t kFirst = 100;
  constexpr int32_t kEnd = 600;
  out.http.clear();
  for (int i = 0; i < proto.http_success_status_size(); ++i) {
    const auto& range = proto.http_success_status(i);
    const bool valid = range.start() >= kFirst && range.start() < kEnd && range.start() <= range.end() &&
                       range.end() <= kEnd;
    if (!valid) {
      report.error(path + ".http_success_status[" + std::to_string(i) + "]",
                   "[" + std::to_string(range.start()) + ", " + std::to_string(range.end()) +
                       ") is no range of statuses from 100 to 599");
      continue;
    }
    out.http.emplace_back(range.start(), range.end());
  }
}

void set_grpc(const AdmissionControl::SuccessCriteria::GrpcCriteria& proto, const std::string& path,
              ConfigReport& report, SuccessCriteria& out) {
  out.grpc = 0;
  for (int i = 0; i < proto.grpc_success_status_size(); ++i) {
    const uint32_t status = proto.grpc_success_status(i);
    if (status < SuccessCriteria::kGrpcStatuses) {
      out.grpc |= 1u << status;
    } else {
      report.error(path + ".grpc_success_status[" + std::to_string(i) + "]",
                   std::to_string(status) + " is no status of gRPC, 0 to 16");
    }
  }
}

/// In whole seconds. Longer ones than a year are a year.
std::chrono::seconds to_window(const google::protobuf::Duration& duration) {
  using std::chrono::seconds;
  constexpr seconds kYear = std::chrono::hours(24) * 365;
  const auto given = std::chrono::duration_cast<seconds>(to_milliseconds(duration));
  return std::clamp(given, seconds(0), kYear);
}

void set_numbers(const AdmissionControl& proto, const FilterFactoryContext& context,
                 AdmissionControlConfig& out) {
  if (proto.has_enabled()) out.enabled = to_flag(proto.enabled(), context);
  if (proto.has_sampling_window()) out.sampling_window = to_window(proto.sampling_window());
  if (proto.has_aggression()) out.aggression = std::max(1.0, to_number(proto.aggression(), context));
  if (proto.has_sr_threshold()) out.success_threshold = to_share(proto.sr_threshold(), context);
  if (proto.has_rps_threshold()) out.rps_threshold = to_whole_number(proto.rps_threshold(), context);
  if (proto.has_max_rejection_probability())
    out.max_rejection_probability = to_share(proto.max_rejection_probability(), context);
}

}  // namespace

std::shared_ptr<const FilterFactory> make_admission_control(const FilterSource& source,
                                                            const FilterFactoryContext& context,
                                                            ConfigReport& report) {
  AdmissionControl proto;
  if (!parse_config(source, proto, report)) return nullptr;
  const size_t errors_before = report.error_count();
  auto config = std::make_shared<AdmissionControlConfig>();
  const auto& criteria = proto.success_criteria();
  const std::string path = source.path + ".success_criteria";
  if (criteria.has_http_criteria())
    set_http(criteria.http_criteria(), path + ".http_criteria", report, config->success);
  if (criteria.has_grpc_criteria())
    set_grpc(criteria.grpc_criteria(), path + ".grpc_criteria", report, config->success);
  if (proto.has_sr_threshold() && proto.sr_threshold().default_value().value() < 1)
    report.error(source.path + ".sr_threshold.default_value", "must be at least 1 percent");
  set_numbers(proto, context, *config);
  if (report.error_count() != errors_before) return nullptr;
  config->stats = http_scope(context, "admission_control", kSchema);
  return std::make_shared<SharedFilterFactory<const AdmissionControlConfig, make_admission_control_filter>>(
      source.name, std::move(config));
}

}  // namespace remora::filters

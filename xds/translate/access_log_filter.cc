#include "remora/filter/router.h"
#include "translate/access_log.h"
#include "translate/matchers.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

namespace v3 = envoy::config::accesslog::v3;
using Kind = AccessLogFilter::Kind;

void set_comparison(const v3::ComparisonFilter& comparison, const Context& context, AccessLogFilter& out) {
  switch (comparison.op()) {
    case v3::ComparisonFilter::GE: out.op = AccessLogFilter::Op::kGreaterOrEqual; break;
    case v3::ComparisonFilter::LE: out.op = AccessLogFilter::Op::kLessOrEqual; break;
    case v3::ComparisonFilter::NE: out.op = AccessLogFilter::Op::kNotEqual; break;
    default: out.op = AccessLogFilter::Op::kEqual;
  }
  out.value = comparison.value().default_value();
  if (const auto value = runtime_number(comparison.value().runtime_key(), context); value && *value >= 0) {
    out.value = static_cast<uint64_t>(*value);
  }
}

void set_children(const google::protobuf::RepeatedPtrField<v3::AccessLogFilter>& filters,
                  std::string_view field, Context& context, AccessLogFilter& out) {
  const auto scope = context.in(field);
  for (int i = 0; i < filters.size(); ++i) {
    const auto child = context.in("filters", i);
    out.children.push_back(to_access_log_filter(filters[i], context));
  }
}

void set_runtime(const v3::RuntimeFilter& filter, const Context& context, AccessLogFilter& out) {
  envoy::config::core::v3::RuntimeFractionalPercent fraction;
  fraction.set_runtime_key(filter.runtime_key());
  *fraction.mutable_default_value() = filter.percent_sampled();
  out.kind = Kind::kRuntime;
  out.fraction = to_fraction(fraction, context);
}

void set_grpc(const v3::GrpcStatusFilter& filter, AccessLogFilter& out) {
  out.kind = Kind::kGrpcStatus;
  for (const int status : filter.statuses()) out.grpc_statuses.push_back(static_cast<int16_t>(status));
  out.exclude = filter.exclude();
}

void set_metadata(const v3::MetadataFilter& filter, Context& context, AccessLogFilter& out) {
  out.kind = Kind::kMetadata;
  if (filter.has_match_if_key_not_found())
    out.match_if_key_not_found = filter.match_if_key_not_found().value();
  if (!filter.has_matcher()) return;
  const auto scope = context.in("matcher");
  out.metadata = to_metadata_matcher(filter.matcher(), context);
}

/// Types of which this build writes no line match nothing.
void set_types(const v3::LogTypeFilter& filter, AccessLogFilter& out) {
  using enum AccessLogType;
  out.kind = Kind::kLogType;
  out.exclude = filter.exclude();
  for (const auto type :
       {kNotSet, kTcpConnectionEnd, kDownstreamStart, kDownstreamPeriodic, kDownstreamEnd,
        kDownstreamTunnelSuccessfullyEstablished, kUpstreamPoolReady, kUpstreamPeriodic, kUpstreamEnd}) {
    for (const int wanted : filter.types()) {
      if (access_log_type_name(type) == envoy::data::accesslog::v3::AccessLogType_Name(
                                            static_cast<envoy::data::accesslog::v3::AccessLogType>(wanted)))
        out.types.push_back(type);
    }
  }
}

}  // namespace

AccessLogFilter to_access_log_filter(const v3::AccessLogFilter& filter, Context& context) {
  AccessLogFilter out;
  switch (filter.filter_specifier_case()) {
    case v3::AccessLogFilter::kStatusCodeFilter:
      out.kind = Kind::kStatusCode;
      set_comparison(filter.status_code_filter().comparison(), context, out);
      break;
    case v3::AccessLogFilter::kDurationFilter:
      out.kind = Kind::kDuration;
      set_comparison(filter.duration_filter().comparison(), context, out);
      break;
    case v3::AccessLogFilter::kNotHealthCheckFilter: out.kind = Kind::kNotHealthCheck; break;
    case v3::AccessLogFilter::kRuntimeFilter: set_runtime(filter.runtime_filter(), context, out); break;
    case v3::AccessLogFilter::kAndFilter:
      out.kind = Kind::kAnd;
      set_children(filter.and_filter().filters(), "and_filter", context, out);
      break;
    case v3::AccessLogFilter::kOrFilter:
      out.kind = Kind::kOr;
      set_children(filter.or_filter().filters(), "or_filter", context, out);
      break;
    case v3::AccessLogFilter::kHeaderFilter: {
      const auto scope = context.in("header_filter");
      const auto header = context.in("header");
      out.kind = Kind::kHeader;
      out.header = to_header_matcher(filter.header_filter().header(), context);
      break;
    }
    case v3::AccessLogFilter::kResponseFlagFilter:
      out.kind = Kind::kResponseFlag;
      out.flags.assign(filter.response_flag_filter().flags().begin(),
                       filter.response_flag_filter().flags().end());
      break;
    case v3::AccessLogFilter::kGrpcStatusFilter: set_grpc(filter.grpc_status_filter(), out); break;
    case v3::AccessLogFilter::kMetadataFilter: {
      const auto scope = context.in("metadata_filter");
      set_metadata(filter.metadata_filter(), context, out);
      break;
    }
    case v3::AccessLogFilter::kLogTypeFilter: set_types(filter.log_type_filter(), out); break;
    default: break;  // refused by check_fields
  }
  return out;
}

}  // namespace remora::xds

#include <algorithm>

#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

bool is_token(const std::string& text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

/// Names of methods and fields; "*" among them stands for all.
void read_names(Fields& fields, const std::string& name, std::vector<std::string>& out) {
  fields.strings(name, out);
  for (size_t i = 0; i < out.size(); ++i) {
    if (is_token(out[i])) continue;
    fields.error(name + '[' + std::to_string(i) + ']', "\"" + out[i] + "\" is no name of HTTP");
  }
}

void read_origins(Fields& fields, CorsPolicy& policy) {
  fields.objects("allowOrigins", [&](Fields& item) {
    if (auto match = read_string_match(item)) {
      policy.allow_origins.push_back(std::move(*match));
    } else {
      item.error("", "needs one of exact, prefix and regex");
    }
  });
  std::vector<std::string> older;
  if (!fields.strings("allowOrigin", older)) return;
  if (!policy.allow_origins.empty()) {
    fields.warning("allowOrigin", "has no effect beside allowOrigins");
    return;
  }
  fields.warning("allowOrigin", "is deprecated: write allowOrigins: [{exact: ...}]");
  for (std::string& origin : older)
    policy.allow_origins.push_back({StringMatch::Kind::kExact, std::move(origin)});
}

/// Both spellings of a fault's share. Without one it meets nobody, as in Istio, which is hardly meant.
double read_share(Fields& fields) {
  double percentage = 0;
  long long percent = 0;
  if (fields.integer("percent", 0, 100, percent)) {
    fields.warning("percent", "is deprecated: write percentage: {value: " + std::to_string(percent) + "}");
    percentage = static_cast<double>(percent);
  }
  fields.object("percentage", [&](Fields& item) {
    percentage = 0;
    item.number("value", 0, 100, percentage);
  });
  if (!fields.has("percentage") && !fields.has("percent"))
    fields.warning("percentage", "is not given: the fault meets no request");
  return percentage;
}

const Words<uint32_t>& grpc_statuses() {
  static const Words<uint32_t> kStatuses{{"OK", 0},
                                         {"CANCELLED", 1},
                                         {"UNKNOWN", 2},
                                         {"INVALID_ARGUMENT", 3},
                                         {"DEADLINE_EXCEEDED", 4},
                                         {"NOT_FOUND", 5},
                                         {"ALREADY_EXISTS", 6},
                                         {"PERMISSION_DENIED", 7},
                                         {"RESOURCE_EXHAUSTED", 8},
                                         {"FAILED_PRECONDITION", 9},
                                         {"ABORTED", 10},
                                         {"OUT_OF_RANGE", 11},
                                         {"UNIMPLEMENTED", 12},
                                         {"INTERNAL", 13},
                                         {"UNAVAILABLE", 14},
                                         {"DATA_LOSS", 15},
                                         {"UNAUTHENTICATED", 16}};
  return kStatuses;
}

void read_delay(Fields& fields, HttpFault& fault) {
  fields.object("delay", [&](Fields& item) {
    HttpFault::Delay delay;
    item.unsupported("exponentialDelay", Severity::kError, "is not supported, by Istio neither");
    if (!item.duration("fixedDelay", delay.fixed) && !item.has("fixedDelay"))
      item.error("fixedDelay", "is required");
    delay.percentage = read_share(item);
    fault.delay = delay;
  });
}

void read_abort(Fields& fields, HttpFault& fault) {
  fields.object("abort", [&](Fields& item) {
    HttpFault::Abort abort;
    item.unsupported("http2Error", Severity::kError, "is not supported, by Istio neither");
    long long status = 0;
    if (item.integer("httpStatus", 200, 599, status)) abort.http_status = static_cast<uint32_t>(status);
    uint32_t grpc = 0;
    if (item.word("grpcStatus", grpc_statuses(), grpc)) abort.grpc_status = grpc;
    if (item.has("httpStatus") && item.has("grpcStatus"))
      item.error("grpcStatus", "cannot stand beside httpStatus");
    if (!item.has("httpStatus") && !item.has("grpcStatus") && !item.has("http2Error"))
      item.error("httpStatus", "is required, or grpcStatus");
    abort.percentage = read_share(item);
    fault.abort = abort;
  });
}

}  // namespace

void read_fault(Fields& fields, std::optional<HttpFault>& out) {
  fields.object("fault", [&](Fields& item) {
    HttpFault fault;
    read_delay(item, fault);
    read_abort(item, fault);
    if (!item.has("delay") && !item.has("abort")) item.error("", "needs a delay, an abort or both");
    out = fault;
  });
}

void read_cors_policy(Fields& fields, std::optional<CorsPolicy>& out) {
  fields.object("corsPolicy", [&](Fields& item) {
    CorsPolicy policy;
    read_origins(item, policy);
    read_names(item, "allowMethods", policy.allow_methods);
    read_names(item, "allowHeaders", policy.allow_headers);
    read_names(item, "exposeHeaders", policy.expose_headers);
    Duration age{};
    if (item.duration("maxAge", age, true)) {
      if (age % std::chrono::seconds(1) != Duration::zero()) item.error("maxAge", "must be whole seconds");
      policy.max_age = age;
    }
    bool flag = false;
    if (item.boolean("allowCredentials", flag)) policy.allow_credentials = flag;
    static const Words<bool> kUnmatched{{"UNSPECIFIED", true}, {"FORWARD", true}, {"IGNORE", false}};
    item.word("unmatchedPreflights", kUnmatched, policy.forward_unmatched_preflights);
    out = std::move(policy);
  });
}

}  // namespace remora::istio

#include "strict_headers.h"

#include <algorithm>

#include "core/text.h"
#include "retry.h"

namespace remora {
namespace {

/// Whether each of the words means something in x-envoy-retry-grpc-on (`grpc`) or in x-envoy-retry-on.
bool reads_as_conditions(std::string_view words, bool grpc) {
  std::vector<std::string> unknown;
  const uint32_t bits = parse_retry_on(words, &unknown);
  if (!grpc) std::erase(unknown, "http3-post-connect-failure");  // a condition that never holds here
  return unknown.empty() && (bits & (grpc ? ~kGrpcRetryBits : kGrpcRetryBits)) == 0;
}

bool reads(HeaderId header, std::string_view value) {
  switch (header) {
    case HeaderId::kXEnvoyRetryOn: return reads_as_conditions(value, false);
    case HeaderId::kXEnvoyRetryGrpcOn: return reads_as_conditions(value, true);
    default: return read_number<uint64_t>(value).has_value();
  }
}

}  // namespace

std::optional<LocalReply> refuse_bad_headers(const std::vector<HeaderId>& headers, const HeaderMap& request,
                                             std::string& details) {
  const auto bad = std::ranges::find_if(headers, [&](HeaderId header) {
    const auto value = request.get(header);
    return value && !reads(header, *value);
  });
  if (bad == headers.end()) return std::nullopt;
  const std::string name(header_name(*bad));
  details = "request_headers_failed_strict_check{" + name + "}";
  return LocalReply{
      .status = 400,
      .body = "invalid header '" + name + "' with value '" + std::string(request.value_of(*bad)) + "'",
      .details = details,
      .flag = ResponseFlag::kInvalidEnvoyRequestHeaders};
}

}  // namespace remora

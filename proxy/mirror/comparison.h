#pragma once

#include <cstdint>
#include <optional>

#include "mirror/body_digest.h"
#include "remora/core/clock.h"

namespace remora {

class HeaderMap;
class StatBlock;
struct ExchangeInfo;
struct ShadowCompare;

/// What became of a request, as far as it is compared.
struct ShadowAnswer {
  bool whole = false;              ///< a response that came to its end; without it, all else says nothing
  uint16_t status = 0;             ///< of HTTP
  std::optional<uint32_t> grpc;    ///< `grpc-status`, where a gRPC call was answered
  Milliseconds took{0};            ///< until the response's end
  std::optional<BodyDigest> body;  ///< absent: not looked at
  /// Not the server's answer, or its failure: 5xx, or a gRPC status other than 0.
  [[nodiscard]] bool failed() const { return !whole || status >= 500 || (grpc && *grpc != 0); }
};

/// The grpc-status in a head or in trailers, the latter first; nullopt if neither has a number.
std::optional<uint32_t> grpc_status_in(const HeaderMap* head, const HeaderMap* trailers);

/// What the original's upstream answered; nullopt if the client was the one who ended it. `body`: what was
/// sent, if it was looked at.
std::optional<ShadowAnswer> primary_answer(const ExchangeInfo& info, MonotonicTime since,
                                           const std::optional<BodyDigest>& body);

/// Counts how the shadow's answer compares with the original's, in cluster.<shadow's
/// cluster>.shadow.compare_*.
void count_comparison(const ShadowAnswer& primary, const ShadowAnswer& shadow, const ShadowCompare& how,
                      StatBlock& stats);

}  // namespace remora

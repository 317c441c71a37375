#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "remora/config/route.h"

namespace remora {
namespace {

struct Word {
  std::string_view text;
  uint32_t bit;
};
constexpr Word kWords[] = {
    {"5xx", kRetryOn5xx},
    {"gateway-error", kRetryOnGatewayError},
    {"reset", kRetryOnReset},
    {"connect-failure", kRetryOnConnectFailure},
    {"envoy-ratelimited", kRetryOnEnvoyRateLimited},
    {"retriable-4xx", kRetryOnRetriable4xx},
    {"refused-stream", kRetryOnRefusedStream},
    {"retriable-status-codes", kRetryOnStatusCodes},
    {"retriable-headers", kRetryOnHeaders},
    {"reset-before-request", kRetryOnResetBeforeRequest},
    {"cancelled", kRetryOnGrpcCancelled},
    {"deadline-exceeded", kRetryOnGrpcDeadlineExceeded},
    {"internal", kRetryOnGrpcInternal},
    {"resource-exhausted", kRetryOnGrpcResourceExhausted},
    {"unavailable", kRetryOnGrpcUnavailable},
};

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

uint32_t parse_retry_on(std::string_view words, std::vector<std::string>* unknown) {
  uint32_t bits = 0;
  while (!words.empty()) {
    const size_t comma = std::min(words.find(','), words.size());
    const std::string_view word = trimmed(words.substr(0, comma));
    words.remove_prefix(std::min(comma + 1, words.size()));
    if (word.empty()) continue;
    const auto* const found = std::ranges::find(kWords, word, &Word::text);
    if (found != std::end(kWords)) {
      bits |= found->bit;
    } else if (unknown != nullptr) {
      unknown->emplace_back(word);
    }
  }
  return bits;
}

}  // namespace remora

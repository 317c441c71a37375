#include <algorithm>
#include <array>

#include "remora/http/header_map.h"

namespace remora {
namespace {

/// In the order of HeaderId.
constexpr std::array<std::string_view, kKnownHeaders> kNames = {
    ":method",
    ":path",
    ":authority",
    ":scheme",
    ":status",
    "accept",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "grpc-status",
    "grpc-message",
    "grpc-timeout",
    "host",
    "keep-alive",
    "location",
    "origin",
    "proxy-connection",
    "referer",
    "retry-after",
    "server",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-immediate-health-check-fail",
    "x-envoy-internal",
    "x-envoy-ip-tags",
    "x-envoy-is-timeout-retry",
    "x-envoy-max-retries",
    "x-envoy-original-host",
    "x-envoy-original-path",
    "x-envoy-overloaded",
    "x-envoy-peer-metadata",
    "x-envoy-peer-metadata-id",
    "x-envoy-ratelimited",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-canary",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-service-time",
    "x-envoy-upstream-stream-duration-ms",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-request-id",
};
static_assert(std::all_of(kNames.begin(), kNames.end(), [](auto name) { return !name.empty(); }),
              "kNames and HeaderId have come apart");

/// Length and four characters tell all known names apart; a multiplier that spreads those keys over the table
/// without a collision is searched for while compiling, so that a look-up is one multiplication and one
/// comparison.
constexpr size_t kSlotBits = 10;

constexpr uint64_t key_of(std::string_view name) {
  const size_t n = name.size();
  const auto at = [&](size_t i) { return static_cast<uint64_t>(static_cast<unsigned char>(name[i])); };
  return n ^ (at(n - 1) << 8) ^ (at(n / 2) << 16) ^ (at(n * 3 / 4) << 24) ^ (at(n / 4) << 32);
}

constexpr size_t slot_of(uint64_t key, uint64_t multiplier) { return (key * multiplier) >> (64 - kSlotBits); }

struct Table {
  uint64_t multiplier = 0;
  std::array<uint8_t, size_t{1} << kSlotBits> ids{};
};

constexpr bool fill(Table& table) {
  table.ids.fill(static_cast<uint8_t>(HeaderId::kOther));
  for (size_t id = 0; id < kKnownHeaders; ++id) {
    auto& slot = table.ids[slot_of(key_of(kNames[id]), table.multiplier)];
    if (slot != static_cast<uint8_t>(HeaderId::kOther)) return false;
    slot = static_cast<uint8_t>(id);
  }
  return true;
}

consteval Table make_table() {
  Table table;
  table.multiplier = 0x9e3779b97f4a7c15;
  for (int attempt = 0; attempt < 2000; ++attempt) {
    if (fill(table)) return table;
    table.multiplier = table.multiplier * 6364136223846793005 + 1442695040888963407;
    table.multiplier |= 1;
  }
  table.multiplier = 0;
  return table;
}

constexpr Table kTable = make_table();
static_assert(kTable.multiplier != 0, "two known header names share a key, or the table is too small");

}  // namespace

HeaderId header_id(std::string_view name) {
  if (name.empty()) return HeaderId::kOther;
  const uint8_t id = kTable.ids[slot_of(key_of(name), kTable.multiplier)];
  if (id == static_cast<uint8_t>(HeaderId::kOther) || kNames[id] != name) return HeaderId::kOther;
  return static_cast<HeaderId>(id);
}

std::string_view header_name(HeaderId id) {
  return id == HeaderId::kOther ? std::string_view{} : kNames[static_cast<size_t>(id)];
}

}  // namespace remora

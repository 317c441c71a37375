#include "upstream/outlier.h"

namespace remora {
namespace {

/// Writes shared memory only if there is something to forget.
void forget(std::atomic<uint32_t>& count) {
  if (count.load(std::memory_order_relaxed) != 0) count.store(0, std::memory_order_relaxed);
}

/// True for exactly one caller: the one who makes the count reach the threshold. Later ones do not fire
/// again.
bool reaches(std::atomic<uint32_t>& count, uint32_t threshold) {
  return count.fetch_add(1, std::memory_order_relaxed) + 1 == threshold;
}

bool is_gateway_error(uint16_t status) { return status == 502 || status == 503 || status == 504; }

OutlierEvents charge_status(HostState& host, HostStats& stats, const OutlierDetection& config,
                            uint16_t status) {
  OutlierEvents events;
  stats.external_total.add();
  if (status < 500) {
    stats.external_success.add();
    forget(host.consecutive_5xx);
    forget(host.consecutive_gateway);
    return events;
  }
  if (is_gateway_error(status)) {
    events.gateway = reaches(host.consecutive_gateway, config.consecutive_gateway_failure);
  } else {
    forget(host.consecutive_gateway);
  }
  events.consecutive_5xx = reaches(host.consecutive_5xx, config.consecutive_5xx);
  return events;
}

OutlierEvents charge_local(HostState& host, HostStats& stats, const OutlierDetection& config, bool success) {
  OutlierEvents events;
  stats.local_total.add();
  if (success) {
    stats.local_success.add();
    forget(host.consecutive_local);
  } else {
    events.local = reaches(host.consecutive_local, config.consecutive_local_origin_failure);
  }
  return events;
}

/// Local and external errors in one: every result stands for a status; 0: for none.
uint16_t status_of(OutlierResult result) {
  switch (result) {
    case OutlierResult::kResponse:
    case OutlierResult::kConnectedFinal: return 200;
    case OutlierResult::kRequestFailed: return 500;
    case OutlierResult::kConnectFailed: return 503;
    case OutlierResult::kTimeout: return 504;
    case OutlierResult::kConnected: break;  // what follows on the connection decides
  }
  return 0;
}

}  // namespace

OutlierEvents charge(HostState& host, size_t shard, const OutlierDetection& config, OutlierResult result,
                     uint16_t status) {
  HostStats& stats = host.stats(shard);
  if (!config.split_external_local_origin_errors) {
    const uint16_t effective = status != 0 ? status : status_of(result);
    return effective == 0 ? OutlierEvents{} : charge_status(host, stats, config, effective);
  }
  switch (result) {
    case OutlierResult::kConnected:
    case OutlierResult::kConnectedFinal: return charge_local(host, stats, config, true);
    case OutlierResult::kConnectFailed:
    case OutlierResult::kTimeout: return charge_local(host, stats, config, false);
    case OutlierResult::kRequestFailed: return charge_status(host, stats, config, status != 0 ? status : 503);
    case OutlierResult::kResponse: return charge_status(host, stats, config, status != 0 ? status : 200);
  }
  return {};
}

}  // namespace remora

// The lines that an Exchange leaves in the access logs: at its end, and where the configuration asks for it
// before.

#include "downstream_connection.h"
#include "exchange.h"
#include "worker.h"

namespace remora {

void Exchange::log(AccessLogType type) {
  info_.log_type = type;
  worker_.log_access(connection_->http_runtime().runtime(), info_, random_value_);
  info_.log_type = AccessLogType::kNotSet;
}

void Exchange::log_beginning() {
  if (!http().log_new_requests) return;
  const auto cluster = worker_.find_cluster(choice_.name);
  info_.cluster = cluster ? &cluster->config() : nullptr;  // where the request would go as things stand
  log(AccessLogType::kDownstreamStart);
  info_.cluster = nullptr;
}

void Exchange::log_tunnel() {
  if (http().log_established_tunnels) log(AccessLogType::kDownstreamTunnelSuccessfullyEstablished);
}

/// The attempt that begins now leaves lines of its own in the router's logs. Of the client they show the
/// connection's address, as in Envoy.
void Exchange::begin_try_log() {
  ExchangeInfo info = info_;
  info.downstream_remote = &connection_->peer().remote();
  tries_->begin_log(std::move(info), router(), worker_.reactor());
}

void Exchange::log_try(const ExchangeInfo& info) {
  worker_.log_access(connection_->http_runtime().runtime(), info, random_value_);
}

void Exchange::log_from_time_to_time() {
  if (http().log_interval.count() > 0) worker_.arm(log_timer_, http().log_interval);
}

void Exchange::on_log_interval() {
  log(AccessLogType::kDownstreamPeriodic);
  log_from_time_to_time();
}

}  // namespace remora

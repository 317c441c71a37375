// What an Exchange is to its filters.

#include "crash_report.h"
#include "downstream_connection.h"
#include "exchange.h"
#include "worker.h"

namespace remora {

Resume Exchange::pause() {
  return Resume([this, life = life_](Verdict verdict) {
    if (life != life_ || phase_ != Phase::kRequestFilters) return;
    const WorkingFor working(info_);
    if (verdict.kind() == Verdict::Kind::kReply) {
      reply_locally(verdict.take_reply());
    } else {
      run_request_filters();
    }
  });
}

void Exchange::after(Milliseconds delay, std::function<void()> call) {
  filter_call_ = std::move(call);
  worker_.arm(filter_timer_, delay);
}

Metadata& Exchange::dynamic_metadata() {
  if (!metadata_) {
    const Metadata* of_connection = info_.dynamic_metadata;
    metadata_ = of_connection == nullptr ? Metadata() : *of_connection;
    info_.dynamic_metadata = &*metadata_;
  }
  return *metadata_;
}

FilterState& Exchange::filter_state() {
  info_.filter_state = &filter_state_;
  return filter_state_;
}

void Exchange::limit_response_rate(uint64_t bytes_per_second) {
  if (!pace_ || bytes_per_second < pace_->bytes_per_second()) pace_.emplace(bytes_per_second);
}

void Exchange::choose_route_again() {
  if (phase_ != Phase::kRequestFilters) return;
  find_route();
  filters_.reroute(route_filters());
}

std::optional<Demand> Exchange::missing_virtual_host() const {
  const std::string& table = connection_->http_runtime().config().rds_name;
  if (route_ != nullptr || !routes_ || !routes_->table().config().vhds || table.empty()) return std::nullopt;
  return Demand{{DemandKey::Kind::kVirtualHost, table, std::string(request_.authority())}, nullptr};
}

void Exchange::choose_route_of_newest_table() {
  if (phase_ != Phase::kRequestFilters) return;
  routes_before_ = std::exchange(routes_, connection_->routes(request_));
  choose_route_again();
}

void Exchange::read_whole_request() {
  reads_whole_request_ = true;
  body_credit_ = Credit();
}

void Exchange::on_filter_timer() {
  const WorkingFor working(info_);
  if (auto call = std::exchange(filter_call_, nullptr)) call();
}

const Clock& Exchange::clock() const { return worker_.clock(); }
Random& Exchange::random() { return worker_.random(); }
size_t Exchange::shard() const { return worker_.shard(); }
FilterWorker& Exchange::worker() { return worker_; }

}  // namespace remora

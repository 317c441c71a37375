#include "health_check/stream_probe.h"

#include <utility>

#include "remora/core/failure.h"
#include "remora/http/exchange_info.h"
#include "upstream/cluster_tls.h"

namespace remora {
namespace {

// Envoy's: servers leave checks out of their logs by it.
constexpr std::string_view kUserAgent = "Envoy/HC";

}  // namespace

CheckResult network_failure(std::string why) {
  CheckResult result;
  result.failure = CheckFailure::kNetwork;
  result.why = std::move(why);
  return result;
}

StreamProbe::StreamProbe(const std::shared_ptr<CheckedCluster>& cluster, std::shared_ptr<const Host> host,
                         ProbeOwner& owner, bool http2)
    : cluster_(cluster),
      host_(std::move(host)),
      owner_(owner),
      http2_(http2) {}

StreamProbe::~StreamProbe() = default;

void StreamProbe::start() {
  under_way_ = true;
  if (connection_ != nullptr) {
    on_ready();
    return;
  }
  CheckConnectionOwner& owner = *this;
  connection_ = std::make_unique<CheckConnection>(cluster_, owner, http2_);
  if (auto why = connection_->connect(host_->endpoint()); !why.empty())
    finish(network_failure(std::move(why)));
}

void StreamProbe::close() {
  under_way_ = false;
  if (auto* sink = std::exchange(sink_, nullptr)) sink->reset(Failure::kLocalReset);
  drop_connection();
}

void StreamProbe::drop_connection() {
  if (connection_ == nullptr) return;
  connection_->close();
  cluster_->reactor.dispose(std::exchange(connection_, nullptr));
}

void StreamProbe::on_ready() {
  if (!under_way_) return;
  sink_ = connection_->open(*this);
  if (sink_ == nullptr) {
    finish(network_failure("the host takes no request"));
    return;
  }
  send_request(*sink_);
}

void StreamProbe::on_reset(Failure failure) {
  sink_ = nullptr;
  std::string why;
  append_failure_details(failure, false, {}, why);
  finish(network_failure(std::move(why)));
}

void StreamProbe::on_closed(const std::string& why) {
  if (connection_ != nullptr) cluster_->reactor.dispose(std::exchange(connection_, nullptr));
  if (under_way_) finish(network_failure(why));
}

void StreamProbe::finish(CheckResult result) {
  if (!std::exchange(under_way_, false)) return;
  if (auto* sink = std::exchange(sink_, nullptr)) sink->reset(Failure::kLocalReset);
  const bool keep = cluster_->config.reuse_connection && connection_ != nullptr && connection_->reusable();
  if (!keep) drop_connection();
  owner_.on_probe(std::move(result));
}

HeaderMap StreamProbe::basic_head(std::string_view method, const std::string& path,
                                  const std::string& authority) const {
  const auto& tls = cluster_->runtime->tls;
  HeaderMap head;
  head.add(HeaderId::kMethod, method);
  head.add(HeaderId::kScheme, tls && tls->secures(host_->endpoint()) ? "https" : "http");
  head.add(HeaderId::kAuthority, check_authority(host_->endpoint(), authority));
  head.add(HeaderId::kPath, path);
  head.add(HeaderId::kUserAgent, kUserAgent);
  return head;
}

void StreamProbe::add_headers(const HeaderMutations& mutations, HeaderMap& head) const {
  ExchangeInfo info;
  info.protocol = http2_ ? Protocol::kHttp2 : Protocol::kHttp11;
  info.upstream_host = &host_->endpoint();
  info.cluster = cluster_->runtime->config.get();
  info.start_wall = cluster_->reactor.clock().wall();
  info.request = &head;
  mutations.apply(head, info);
}

}  // namespace remora

#include "health_check/tcp_probe.h"

#include <cstring>
#include <utility>

#include "health_check/stream_probe.h"

namespace remora {

TcpProbe::TcpProbe(const std::shared_ptr<CheckedCluster>& cluster, std::shared_ptr<const Host> host,
                   ProbeOwner& owner, const TcpHealthCheck& check)
    : cluster_(cluster),
      host_(std::move(host)),
      owner_(owner),
      check_(check),
      answer_(check.receive) {}

void TcpProbe::start() {
  under_way_ = true;
  answer_.reset();
  if (socket_ != nullptr) {
    say();
    return;
  }
  socket_ = std::make_unique<Socket>(*this, cluster_->reactor);
  auto why = connect_to_check(*cluster_, host_->endpoint(), socket_->connection);
  if (!why.empty()) lost(std::move(why));
}

void TcpProbe::close() {
  under_way_ = false;
  drop_socket();
}

void TcpProbe::drop_socket() {
  if (socket_ == nullptr) return;
  socket_->connection.close();
  cluster_->reactor.dispose(std::exchange(socket_, nullptr));
}

void TcpProbe::say() {
  if (check_.send.empty()) return;
  socket_->connection.output().append(check_.send);
  socket_->connection.flush_soon();
}

void TcpProbe::Socket::on_connected() {
  // Whoever expects nothing has asked enough by connecting, and says nothing either.
  if (probe->answer_.done()) {
    probe->finish({.success = true}, false);
  } else {
    probe->say();
  }
}

size_t TcpProbe::Socket::on_bytes(std::string_view bytes) {
  probe->on_bytes(bytes);
  return bytes.size();
}

void TcpProbe::Socket::on_end() { probe->lost("the host closed the connection"); }

void TcpProbe::Socket::on_error(int error) {
  const std::string transport(connection.transport_failure());
  probe->lost(transport.empty() ? std::strerror(error) : transport);
}

void TcpProbe::on_bytes(std::string_view bytes) {
  if (!under_way_) return;
  answer_.feed(bytes);
  if (answer_.done()) finish({.success = true}, cluster_->config.reuse_connection);
}

void TcpProbe::lost(std::string why) {
  if (under_way_) {
    finish(network_failure(std::move(why)), false);
  } else {
    drop_socket();
  }
}

void TcpProbe::finish(CheckResult result, bool keep) {
  under_way_ = false;
  if (!keep) drop_socket();
  owner_.on_probe(std::move(result));
}

}  // namespace remora

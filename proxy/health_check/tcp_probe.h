#pragma once

#include <memory>
#include <string>

#include "health_check/payload_matcher.h"
#include "health_check/probe.h"
#include "net/connection.h"

namespace remora {

/// HealthCheck.tcp_health_check.
class TcpProbe final : public Probe {
 public:
  TcpProbe(const std::shared_ptr<CheckedCluster>& cluster, std::shared_ptr<const Host> host,
           ProbeOwner& owner, const TcpHealthCheck& check);

  void start() override;
  void close() override;

 private:
  /// One connection, freed at the end of the turn in which it closed.
  struct Socket final : Disposable, ConnectionOwner {
    Socket(TcpProbe& asker, Reactor& reactor) : probe(&asker), connection(reactor, *this) {}
    void on_connected() override;
    size_t on_bytes(std::string_view bytes) override;
    void on_end() override;
    void on_error(int error) override;
    void on_written(size_t /*bytes*/, bool /*all*/) override {}

    TcpProbe* probe;
    Connection connection;
  };

  void say();
  void on_bytes(std::string_view bytes);
  void lost(std::string why);
  void finish(CheckResult result, bool keep);
  void drop_socket();

  std::shared_ptr<CheckedCluster> cluster_;
  std::shared_ptr<const Host> host_;
  ProbeOwner& owner_;
  const TcpHealthCheck& check_;
  PayloadMatcher answer_;
  std::unique_ptr<Socket> socket_;
  bool under_way_ = false;
};

}  // namespace remora

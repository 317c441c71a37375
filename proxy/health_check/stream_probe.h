#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "health_check/check_connection.h"
#include "health_check/probe.h"

namespace remora {

/// A check that is an HTTP request: what all of them have in common.
class StreamProbe : public Probe, protected MessageEvents, private CheckConnectionOwner {
 public:
  void start() override;
  void close() override;

 protected:
  StreamProbe(const std::shared_ptr<CheckedCluster>& cluster, std::shared_ptr<const Host> host,
              ProbeOwner& owner, bool http2);
  ~StreamProbe() override;

  /// Writes the request, anew for each check.
  virtual void send_request(MessageSink& request) = 0;
  /// Ends the check; a response that is not complete is cut off.
  void finish(CheckResult result);
  /// The fields that every request begins with.
  [[nodiscard]] HeaderMap basic_head(std::string_view method, const std::string& path,
                                     const std::string& authority) const;
  void add_headers(const HeaderMutations& mutations, HeaderMap& head) const;

  [[nodiscard]] const HealthChecks& config() const { return cluster_->config; }
  [[nodiscard]] StatBlock& stats() const { return cluster_->stats; }
  /// The whole response has come, and nothing has to be cut off.
  void response_complete() { sink_ = nullptr; }

 private:
  void on_informational(HeaderMap& /*head*/) override {}
  void on_reset(Failure failure) override;
  void on_ready() override;
  void on_closed(const std::string& why) override;
  void drop_connection();

  std::shared_ptr<CheckedCluster> cluster_;
  std::shared_ptr<const Host> host_;
  ProbeOwner& owner_;
  std::unique_ptr<CheckConnection> connection_;
  MessageSink* sink_ = nullptr;  // of the request that is open
  bool http2_;
  bool under_way_ = false;
};

/// A failure of the network, in words.
CheckResult network_failure(std::string why);

}  // namespace remora

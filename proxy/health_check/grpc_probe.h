#pragma once

#include <memory>
#include <string>

#include "health_check/stream_probe.h"

namespace remora {

/// HealthCheck.grpc_health_check: grpc.health.v1.Health/Check.
/// Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
class GrpcProbe final : public StreamProbe {
 public:
  /// What a response may have; a real one has two bytes.
  static constexpr size_t kMaxMessage = 64 * 1024;

  GrpcProbe(const std::shared_ptr<CheckedCluster>& cluster, std::shared_ptr<const Host> host,
            ProbeOwner& owner, const GrpcHealthCheck& check);

 private:
  void send_request(MessageSink& request) override;
  void on_head(HeaderMap& head, bool end) override;
  void on_body(BodyChunk chunk, bool end) override;
  void on_trailers(HeaderMap& trailers) override;
  void judge(const HeaderMap& status_fields);
  void fail(std::string why);

  const GrpcHealthCheck& check_;
  std::string body_;
};

/// The request's frame: "service" is all it says.
std::string grpc_health_request(const std::string& service);
/// The serving status that the one message of `body` has: 0 UNKNOWN, 1 SERVING, 2 NOT_SERVING, ...; -1 if the
/// body is anything but one whole message of that kind.
int64_t grpc_health_status(std::string_view body);

}  // namespace remora

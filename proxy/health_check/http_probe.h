#pragma once

#include <memory>

#include "health_check/payload_matcher.h"
#include "health_check/stream_probe.h"

namespace remora {

/// HealthCheck.http_health_check.
class HttpProbe final : public StreamProbe {
 public:
  HttpProbe(const std::shared_ptr<CheckedCluster>& cluster, std::shared_ptr<const Host> host,
            ProbeOwner& owner, const HttpHealthCheck& check);

 private:
  void send_request(MessageSink& request) override;
  void on_head(HeaderMap& head, bool end) override;
  void on_body(BodyChunk chunk, bool end) override;
  void on_trailers(HeaderMap& trailers) override;
  void judge();
  [[nodiscard]] std::string fault() const;

  const HttpHealthCheck& check_;
  PayloadMatcher body_;
  uint64_t body_bytes_ = 0;
  HeaderMap response_;
};

}  // namespace remora

#pragma once

#include <memory>

#include "http/codec.h"
#include "http/h1_client_codec.h"
#include "http/h2_settings.h"
#include "remora/core/stats.h"

namespace remora {

struct ClusterRuntime;
class Connection;
class Reactor;

/// Makes the codecs of one cluster's connections on one worker, and holds what they have in common.
class ClientCodecs {
 public:
  ClientCodecs(const ClusterRuntime& runtime, size_t shard);

  // All borrowed; this object outlives what it makes.
  std::unique_ptr<ClientCodec> http1(Connection& connection, CreditAccount& account,
                                     ClientCodecEvents& events) const;
  static std::unique_ptr<ClientCodec> tcp(Connection& connection, Reactor& reactor, CreditAccount& account,
                                          ClientCodecEvents& events);
  std::unique_ptr<ClientCodec> http2(Connection& connection, Reactor& reactor, ClientCodecEvents& events);

 private:
  const ClusterRuntime& runtime_;
  size_t shard_;
  H1ClientSettings h1_;
  H2Settings h2_;
  std::shared_ptr<StatScope> h2_scope_;  // made with the first connection
};

}  // namespace remora

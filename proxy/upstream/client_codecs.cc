#include "upstream/client_codecs.h"

#include "http/h2_client_codec.h"
#include "http/tcp_client_codec.h"
#include "net/connection.h"
#include "stats/http2_stats.h"
#include "upstream/cluster_runtime.h"

namespace remora {

ClientCodecs::ClientCodecs(const ClusterRuntime& runtime, size_t shard) : runtime_(runtime), shard_(shard) {
  const auto& config = *runtime.config;
  h1_.limits = {size_t{config.max_response_headers_kb} * 1024, config.max_headers_count};
  h1_.enable_trailers = config.enable_trailers;
  h1_.header_case = config.header_case;
  h2_.options = *config.http2;
  h2_.limits = h1_.limits;
  h2_.buffer_limit = config.buffer_limit;
  h2_.watch_resets = false;
}

std::unique_ptr<ClientCodec> ClientCodecs::http1(Connection& connection, CreditAccount& account,
                                                 ClientCodecEvents& events) const {
  return std::make_unique<H1ClientCodec>(connection, account, events, h1_);
}

std::unique_ptr<ClientCodec> ClientCodecs::tcp(Connection& connection, Reactor& reactor,
                                               CreditAccount& account, ClientCodecEvents& events) {
  return std::make_unique<TcpClientCodec>(connection, reactor, account, events);
}

std::unique_ptr<ClientCodec> ClientCodecs::http2(Connection& connection, Reactor& reactor,
                                                 ClientCodecEvents& events) {
  if (!h2_scope_) {
    h2_scope_ = runtime_.store->make_scope(http2_stat_schema(),
                                           cluster_http2_scope_name(cluster_stat_name(*runtime_.config)));
    h2_.stats = &h2_scope_->block(shard_);
  }
  return std::make_unique<H2ClientCodec>(connection, reactor, events, h2_);
}

}  // namespace remora

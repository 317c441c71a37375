#include "downstream_codec.h"

#include <algorithm>

#include "http/h2_server_codec.h"
#include "remora/http/tls_info.h"
#include "stats/lazy_scope.h"

namespace remora {
namespace {

using Codec = HttpConnectionManagerConfig::Codec;

HeadLimits head_limits(const HttpConnectionManagerConfig& http) {
  return {size_t{http.max_request_headers_kb} * 1024, http.max_headers_count};
}

H1ServerSettings http1_settings(const HttpConnectionManagerConfig& http) {
  H1ServerSettings settings;
  settings.rules.limits = head_limits(http);
  settings.rules.allow_absolute_url = http.allow_absolute_url;
  settings.rules.accept_http_10 = http.accept_http_10;
  settings.rules.default_host_for_http_10 = http.default_host_for_http_10;
  settings.enable_trailers = http.enable_trailers;
  settings.header_case = http.header_case;
  return settings;
}

H2Settings http2_settings(const HttpConnectionManagerConfig& http, StatBlock& stats) {
  H2Settings settings;
  settings.options = http.http2;
  settings.limits = head_limits(http);
  settings.flush_timeout = http.stream_flush_timeout.value_or(http.stream_idle_timeout);
  settings.stats = &stats;
  return settings;
}

/// What the bytes say: nothing yet if they are a beginning of the preface.
std::optional<Codec> by_preface(std::string_view bytes) {
  const auto preface = H2ServerCodec::kPreface;
  const size_t size = std::min(bytes.size(), preface.size());
  if (bytes.substr(0, size) != preface.substr(0, size)) return Codec::kHttp1;
  if (size < preface.size()) return std::nullopt;
  return Codec::kHttp2;
}

std::optional<Codec> which(const HttpConnectionManagerConfig& http, const TlsInfo* tls,
                           std::string_view bytes) {
  if (http.codec != Codec::kAuto) return http.codec;
  if (tls != nullptr && tls->alpn == "h2") return Codec::kHttp2;
  if (tls != nullptr && !tls->alpn.empty()) return Codec::kHttp1;
  return by_preface(bytes);
}

}  // namespace

struct DownstreamCodec::Http2 {
  Http2(const HttpConnectionManagerConfig& http, const Parts& parts)
      : settings(http2_settings(http, parts.http2_stats.get().block(parts.shard))),
        codec(parts.connection, parts.reactor, parts.owner, settings) {}
  H2Settings settings;
  H2ServerCodec codec;
};

DownstreamCodec::DownstreamCodec() = default;
DownstreamCodec::~DownstreamCodec() = default;

bool DownstreamCodec::choose(const HttpConnectionManagerConfig& http, std::string_view bytes,
                             const Parts& parts) {
  const auto codec = which(http, parts.connection.tls(), bytes);
  if (!codec) return false;
  if (*codec == Codec::kHttp2) {
    http2_ = std::make_unique<Http2>(http, parts);
    codec_ = &http2_->codec;
  } else {
    choose_http1(http, parts);
  }
  return true;
}

void DownstreamCodec::choose_http1(const HttpConnectionManagerConfig& http, const Parts& parts) {
  settings_ = http1_settings(http);
  http1_.emplace(parts.connection, parts.account, parts.owner, settings_, parts.heads);
  codec_ = &*http1_;
}

void DownstreamCodec::take_settings(const HttpConnectionManagerConfig& http) {
  if (http1_) settings_ = http1_settings(http);
}

}  // namespace remora

#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "http/h1_server_codec.h"
#include "net/reactor.h"
#include "remora/config/listener.h"

namespace remora {

class LazyScope;

/// The codec of one downstream connection: none until configuration, ALPN or the client's first bytes say
/// which. HTTP/1's is part of the connection; HTTP/2's, which is larger, is made when it is chosen.
class DownstreamCodec {
 public:
  /// What codecs are made of. All borrowed; `account` charges bodies of HTTP/1.
  struct Parts {
    Connection& connection;
    Reactor& reactor;
    CreditAccount& account;
    ServerCodecEvents& owner;
    HeaderMapPool& heads;
    LazyScope& http2_stats;
    size_t shard;
  };

  DownstreamCodec();
  ~DownstreamCodec();

  /// Chooses, given all that the client has sent. False if it must send more before that is possible.
  bool choose(const HttpConnectionManagerConfig& http, std::string_view bytes, const Parts& parts);
  /// The client has sent too little to choose, and nothing more is waited for.
  void choose_http1(const HttpConnectionManagerConfig& http, const Parts& parts);
  /// From the next request on (HTTP/1; an HTTP/2 connection keeps what it has announced).
  void take_settings(const HttpConnectionManagerConfig& http);

  /// Null until chosen.
  [[nodiscard]] ServerCodec* get() const { return codec_; }
  ServerCodec* operator->() const { return codec_; }
  explicit operator bool() const { return codec_ != nullptr; }
  /// HTTP/2: several requests at once.
  [[nodiscard]] bool multiplexes() const { return http2_ != nullptr; }

 private:
  struct Http2;

  H1ServerSettings settings_;
  std::optional<H1ServerCodec> http1_;
  std::unique_ptr<Http2> http2_;
  ServerCodec* codec_ = nullptr;
};

}  // namespace remora

#pragma once

#include <string_view>

#include "http/h1_head.h"
#include "remora/core/failure.h"
#include "remora/http/exchange_info.h"
#include "remora/http/stream.h"

namespace remora {

/// The codec seam: what a connection speaks, HTTP/1 now and HTTP/2 by the same two pairs of interfaces. A
/// codec turns bytes into MessageEvents and MessageSink calls into bytes; it knows framing and nothing of
/// routes or clusters.

/// Whoever serves the requests that a server-side codec decodes.
class ServerCodecEvents {
 public:
  /// A request begins. Returns who receives it; `response` is where the answer goes, valid until the stream
  /// is over.
  virtual MessageEvents& on_request_stream(MessageSink& response, Protocol protocol) = 0;
  /// Bytes that are no request: answer with `error.status`, if a stream can still be opened for it, and
  /// close.
  virtual void on_bad_request(HeadError error, MessageSink& response) = 0;
  /// A stream is over in both directions; its MessageEvents and MessageSink are not used any more. `request`
  /// is what on_request_stream returned; null where that is known to be gone (on_request_outlived) or the
  /// stream was no request (on_bad_request). `reusable`: the connection can take another request.
  virtual void on_stream_done(MessageEvents* request, bool reusable) = 0;
  /// The answer is complete and the request is not: what is left of it is being read and thrown away, so that
  /// the connection can be used again. on_stream_done follows, soon or when the owner gives up and closes.
  virtual void on_request_outlived(MessageEvents& request) = 0;

 protected:
  ~ServerCodecEvents() = default;
};

/// Decodes requests, encodes responses. Owned by a downstream connection.
class ServerCodec {
 public:
  virtual ~ServerCodec() = default;
  /// Returns how many bytes were used; the rest is shown again (in front of new ones) later.
  virtual size_t receive(std::string_view bytes) = 0;
  /// The client sends no more. True if that is a clean end: no request was open.
  virtual bool on_end() = 0;
  /// From now on every response asks the client to go elsewhere (`connection: close`, GOAWAY).
  virtual void start_drain() = 0;
  /// A request is open in either direction.
  [[nodiscard]] virtual bool busy() const = 0;
  /// A head has begun to arrive and is not complete (request_headers_timeout).
  [[nodiscard]] virtual bool inside_head() const = 0;
  /// Gives up on the head that is arriving and answers `error` (a 408, say). Only while inside_head().
  virtual void refuse_head(HeadError error) = 0;
};

/// How a client-side stream ended, for its connection.
enum class StreamEnd : uint8_t {
  kReusable,       ///< complete; the connection can carry another
  kComplete,       ///< complete, but nothing can follow
  kCutLocally,     ///< reset by us
  kCutRemotely,    ///< the upstream closed in the middle
  kProtocolError,  ///< the upstream's bytes made no sense
};

/// What a client-side codec tells its connection beside the streams' own events.
class ClientCodecEvents {
 public:
  /// A stream is over in both directions.
  virtual void on_stream_done(StreamEnd end) = 0;

 protected:
  ~ClientCodecEvents() = default;
};

/// Encodes requests, decodes responses. Owned by an upstream connection.
class ClientCodec {
 public:
  virtual ~ClientCodec() = default;
  /// Opens a stream; the response goes to `response`. Only if can_open().
  virtual MessageSink& open(MessageEvents& response) = 0;
  [[nodiscard]] virtual bool can_open() const = 0;
  virtual size_t receive(std::string_view bytes) = 0;
  /// The upstream sends no more: completes a response that ends with the connection, resets any other.
  virtual void on_end() = 0;
  /// The connection is gone: every open stream is reset with `failure`.
  virtual void on_connection_lost(Failure failure) = 0;
  [[nodiscard]] virtual bool busy() const = 0;
};

}  // namespace remora

#pragma once

#include <string_view>

#include "http/h1_head.h"
#include "remora/core/failure.h"
#include "remora/http/exchange_info.h"
#include "remora/http/stream.h"

namespace remora {

/// Why a connection cannot go on.
enum class CodecFault : uint8_t {
  kNone,
  kProtocol,         ///< the peer broke the protocol's rules
  kFlood,            ///< too much of something that costs the peer little
  kPrematureResets,  ///< streams opened only to be reset
  kHeadTimeout,      ///< a head that does not come to its end
  kKeepalive,        ///< PINGs stay unanswered
  kOverload,         ///< none of the peer's: this end has too much to do
};

/// The codec seam: what a connection speaks, HTTP/1 and HTTP/2 by the same two pairs of interfaces. A codec
/// turns bytes into MessageEvents and MessageSink calls into bytes; it knows framing and nothing of
/// routes or clusters.

/// Whoever serves the requests that a server-side codec decodes.
class ServerCodecEvents {
 public:
  /// A request begins. Returns who receives it; `response` is where the answer goes, valid until the stream
  /// is over.
  virtual MessageEvents& on_request_stream(MessageSink& response, Protocol protocol) = 0;
  /// Bytes that are no request: answer with `error.status`. HTTP/1 is closed then. Returns who answers, as
  /// a name of the stream.
  virtual MessageEvents& on_bad_request(HeadError error, MessageSink& response, Protocol protocol) = 0;
  /// A stream is over in both directions; its MessageEvents and MessageSink are not used any more. `request`
  /// is what on_request_stream returned; null where that is known to be gone (on_request_outlived) or the
  /// stream was no request (on_bad_request). `reusable`: the connection can take another request.
  virtual void on_stream_done(MessageEvents* request, bool reusable) = 0;
  /// The answer is complete and the request is not: what is left of it is being read and thrown away, so that
  /// the connection can be used again. on_stream_done follows, soon or when the owner gives up and closes.
  virtual void on_request_outlived(MessageEvents& request) = 0;
  /// The connection cannot go on: the client broke the protocol or a limit, or does not answer PINGs, or was
  /// sent away (go_away_now). What
  /// could be said of it (GOAWAY) waits in the output. Only at the end of a turn.
  virtual void on_connection_failed(CodecFault fault) = 0;
  /// Nothing can follow (a GOAWAY has come or gone, and no stream is left): to be closed once the output is
  /// sent. Only at the end of a turn; may come more than once.
  virtual void on_connection_finished() = 0;

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
  /// From now on the client is asked to go elsewhere: `connection: close` on each response, a GOAWAY that
  /// still takes every stream.
  virtual void start_drain() = 0;
  /// What the client may still have sent before it heard of start_drain() has come: the connection ends with
  /// the streams that are open now. Nothing for HTTP/1.
  virtual void finish_drain() {}
  /// The connection ends now, with all that is under way on it: on_connection_failed(kOverload) follows.
  /// Nothing for HTTP/1.
  virtual void go_away_now() {}
  /// Some of the output was taken by the kernel: more may be written.
  virtual void on_output_sent() {}
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
  kCutRemotely,    ///< the upstream reset it, or closed in the middle
  kRefused,        ///< the upstream has not touched it: REFUSED_STREAM, or above a GOAWAY's last stream
  kProtocolError,  ///< the upstream's bytes made no sense
};
/// With HTTP/2 a cut stream leaves its connection as usable as before: capacity() tells.

/// What a client-side codec tells its connection beside the streams' own events.
class ClientCodecEvents {
 public:
  /// A stream is over in both directions. `response` is what open() was given and only names the stream.
  virtual void on_stream_done(MessageEvents& response, StreamEnd end) = 0;
  /// No stream is opened on this connection any more (GOAWAY); those under way go on.
  virtual void on_going_away() = 0;
  /// capacity() has changed without a stream's end: the peer's settings allow more or fewer.
  virtual void on_capacity() = 0;
  /// The connection cannot go on: the peer broke the protocol or a limit, or does not answer PINGs. A GOAWAY
  /// may wait in the output. The owner closes and calls on_connection_lost(`failure`).
  virtual void on_connection_failed(Failure failure) = 0;

 protected:
  ~ClientCodecEvents() = default;
};

/// Encodes requests, decodes responses. Owned by an upstream connection.
class ClientCodec {
 public:
  virtual ~ClientCodec() = default;
  /// Opens a stream; the response goes to `response`. Only if capacity() is not 0.
  virtual MessageSink& open(MessageEvents& response) = 0;
  /// How many streams may be opened now, beside the active ones.
  [[nodiscard]] virtual size_t capacity() const = 0;
  [[nodiscard]] virtual size_t active_streams() const = 0;
  [[nodiscard]] bool busy() const { return active_streams() > 0; }
  virtual size_t receive(std::string_view bytes) = 0;
  /// The upstream sends no more: completes a response that ends with the connection, resets any other.
  virtual void on_end() = 0;
  /// The connection is gone: every open stream is reset with `failure`.
  virtual void on_connection_lost(Failure failure) = 0;
  /// Some of the output was taken by the kernel: more may be written.
  virtual void on_output_sent() {}
};

}  // namespace remora

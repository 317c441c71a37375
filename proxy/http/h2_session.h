#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "http/codec.h"
#include "http/h2_closed_streams.h"
#include "http/h2_flood.h"
#include "http/h2_frame_walker.h"
#include "http/h2_keepalive.h"
#include "http/h2_settings.h"
#include "http/h2_stream.h"
#include "net/connection.h"
#include "net/reactor.h"

struct nghttp2_session;

namespace remora {

/// What both ends of an HTTP/2 connection have in common: an nghttp2 session and its streams.
///
/// nghttp2 decodes frames and HPACK and keeps the protocol's state. It must not be entered twice, so what is
/// to be sent is only submitted, whoever asks and from wherever; frames are gathered into the connection's
/// output at the end of the turn, where streams that are over are let go as well. Windows are returned to the
/// peer as credits come back, never by themselves. One connection's; worker thread only.
class H2Session : private TurnEndHandler, private H2Keepalive::Owner {
 public:
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

 protected:
  enum class Side : uint8_t { kServer, kClient };
  static constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

  /// All borrowed. SETTINGS (and a client's preface) go out at the end of the turn.
  H2Session(Side side, Connection& connection, Reactor& reactor, const H2Settings& settings);
  virtual ~H2Session();

  // For both codecs.
  /// All that the peer has sent, frame by frame: frames on streams that are over do not pass in silence.
  void take_bytes(std::string_view bytes);
  void on_sent();
  /// GOAWAY that takes every stream still coming; then the one that takes no more.
  void submit_shutdown_notice();
  void submit_goaway();
  void submit_reset(const H2Stream& stream, uint32_t code);
  H2Stream& add_stream();
  /// The stream is over here, and nghttp2 does not know it any more.
  void drop_stream(H2Stream& stream);
  /// Resets the stream behind what can still be sent of it in this turn: half an answer is worth more than
  /// none.
  void reset_behind(H2Stream& stream);
  /// A message that breaks a rule of HTTP: ends its stream, or the connection where the options say so.
  void refuse_message(H2Stream& stream);
  /// The connection cannot go on: told at the end of the turn. `code`: what a GOAWAY says, if not the usual.
  void fault(CodecFault fault, uint32_t code = 0);
  /// Tells the owner; at the end of the turn, if not asked before.
  void tell_fault();
  [[nodiscard]] bool faulty() const { return fault_ != CodecFault::kNone; }
  [[nodiscard]] size_t stream_count() const { return streams_.size(); }
  [[nodiscard]] H2Stream& stream_at(size_t place) { return *streams_[place]; }

  // What the sides do differently.
  /// A peer's request begins; null on the client side, where none can.
  virtual H2Stream* on_new_stream(int32_t id) = 0;
  /// A head or trailers, in stream.section_.
  virtual void on_section(H2Stream& stream, bool end) = 0;
  /// The peer's message is complete; its last piece is delivered after this call.
  virtual void on_remote_end(H2Stream& stream) = 0;
  /// Our message is complete and on its way.
  virtual void on_local_end_sent(H2Stream& stream) = 0;
  /// The stream was reset, by the peer or for what the peer has sent.
  virtual void on_cut(H2Stream& stream, Failure failure) = 0;
  [[nodiscard]] virtual Failure cut_failure(const H2Stream& stream) const = 0;
  virtual void on_reset_here(MessageEvents* events) = 0;
  virtual void submit_head(H2Stream& stream, const HeaderMap& head, bool end) = 0;
  /// Before the turn's frames are gathered.
  virtual void before_gathering() {}
  virtual void on_peer_settings() {}
  virtual void on_peer_goaway() {}
  virtual void on_fault(CodecFault fault) = 0;
  /// A GOAWAY has come or gone, and no stream is left.
  virtual void on_finished() {}

  const Side side_;
  Connection& connection_;
  Reactor& reactor_;
  const H2Settings& settings_;
  H2FloodGuard guard_;
  H2ClosedStreams closed_;
  H2Keepalive keepalive_;
  nghttp2_session* session_ = nullptr;
  uint32_t reset_code_here_ = 0;  // what this side says when it gives a stream up
  bool inside_section_ = false;   // HEADERS without the end of their block

 private:
  friend class H2Stream;
  friend struct H2Callbacks;

  // For streams, as sinks.
  void send_informational(H2Stream& stream, const HeaderMap& head);
  void send_head(H2Stream& stream, const HeaderMap& head, bool end);
  void send_body(H2Stream& stream, BodyChunk chunk, bool end);
  void send_trailers(H2Stream& stream, const HeaderMap& trailers);
  void reset_stream(H2Stream& stream, Failure failure);
  void return_window(H2Stream& stream);
  void local_end(H2Stream& stream);

  void take_out(H2Stream& stream);
  void reset_dying();
  void submit_settings(Side side);
  void ask_turn_end();
  void on_turn_end() override;
  void gather();
  void watch_output();
  void feed(std::string_view bytes);
  void on_stray_frame(int32_t id);
  void note_control_frame() { control_frames_.push_back(appended_); }
  void write_goaway(uint32_t code);
  void send_ping() override;
  void on_ping_unanswered() override { fault(CodecFault::kKeepalive); }
  void on_flush_timer();

  std::vector<std::unique_ptr<H2Stream>> streams_;
  std::vector<std::unique_ptr<H2Stream>> dropped_;
  H2FrameWalker walker_;
  Timer flush_timer_;
  std::vector<uint64_t> control_frames_;  // where in the output those end that wait to be sent
  uint64_t appended_ = 0;                 // bytes gathered ever
  size_t dying_ = 0;                      // of dropped_, to be reset behind what they have to say
  size_t unflushed_ = 0;                  // streams whose end is here and has not left
  CodecFault fault_ = CodecFault::kNone;
  uint32_t fault_code_ = 0;
  bool fault_told_ = false;
  bool output_full_ = false;  // more can be gathered when some of it has been sent
  bool turn_end_asked_ = false;
  bool goaway_written_ = false;  // one that names an error
};

}  // namespace remora

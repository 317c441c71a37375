#include "http/h2_session.h"

#include <algorithm>
#include <utility>

#include "http/h2_callbacks.h"
#include "http/h2_memory.h"
#include "stats/http2_stats.h"

namespace remora {
namespace {

constexpr uint32_t kInitialWindow = 65535;

/// The GOAWAY code that tells the peer what it did.
uint32_t code_of(CodecFault fault) {
  if (fault == CodecFault::kOverload) return NGHTTP2_NO_ERROR;
  return fault == CodecFault::kProtocol ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_ENHANCE_YOUR_CALM;
}

struct Options {
  explicit Options(const H2Settings& settings) {
    nghttp2_option_new(&raw);
    nghttp2_option_set_no_auto_window_update(raw, 1);
    nghttp2_option_set_no_closed_streams(raw, 1);
    nghttp2_option_set_max_outbound_ack(raw, settings.options.max_outbound_control_frames);
    nghttp2_option_set_max_deflate_dynamic_table_size(raw, settings.options.hpack_table_size);
    // A head of the largest size, its cookies, and room for frames that are not full.
    nghttp2_option_set_max_continuations(raw, 8 + settings.limits.max_bytes / (4 * 1024));
    // Resets are judged by H2FloodGuard: busy proxies reset many streams for good reasons.
    nghttp2_option_set_stream_reset_rate_limit(raw, UINT32_MAX, UINT32_MAX);
  }
  ~Options() { nghttp2_option_del(raw); }
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  nghttp2_option* raw = nullptr;
};

}  // namespace

const nghttp2_session_callbacks* H2Callbacks::get() {
  static const nghttp2_session_callbacks* const shared = [] {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_sent);
    return callbacks;
  }();
  return shared;
}

H2Session::H2Session(Side side, Connection& connection, Reactor& reactor, const H2Settings& settings)
    : side_(side),
      connection_(connection),
      reactor_(reactor),
      settings_(settings),
      guard_(settings),
      keepalive_(reactor, settings.options, *this),
      walker_(side == Side::kServer ? kPreface.size() : 0),
      flush_timer_(timer_calls<&H2Session::on_flush_timer>, this) {
  const Options options(settings);
  auto* make = side == Side::kServer ? nghttp2_session_server_new3 : nghttp2_session_client_new3;
  make(&session_, H2Callbacks::get(), this, options.raw, h2_memory());
  submit_settings(side);
  keepalive_.start();
  ask_turn_end();
}

H2Session::~H2Session() {
  if (turn_end_asked_) reactor_.forget(*this);
  for (auto* list : {&streams_, &dropped_}) {
    for (auto& stream : *list) {
      settings_.stats->sub(kHttp2PendingSendBytes, stream->queue_.size());
      H2Stream::give(std::move(stream));
    }
  }
  settings_.stats->sub(kHttp2StreamsActive, streams_.size());
  nghttp2_session_del(session_);
}

void H2Session::submit_settings(Side side) {
  const auto& options = settings_.options;
  std::vector<nghttp2_settings_entry> entries = {
      {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, options.hpack_table_size},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.initial_stream_window_size},
  };
  if (side == Side::kClient) {
    entries.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  } else {
    entries.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams});
    if (options.allow_connect) entries.push_back({NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1});
  }
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
  if (options.initial_connection_window_size > kInitialWindow)
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                          static_cast<int32_t>(options.initial_connection_window_size));
}

void H2Session::take_bytes(std::string_view bytes) {
  size_t taken = 0;
  for (size_t at = 0; walker_.next(bytes, at);) {
    if (walker_.type() != NGHTTP2_DATA) continue;
    // Before its head is fed: an empty last frame ends its stream at once.
    const size_t head = at - std::min(at, H2FrameWalker::kHeadBytes);
    feed(bytes.substr(taken, head - taken));
    taken = head;
    if (nghttp2_session_get_stream_user_data(session_, walker_.stream()) == nullptr)
      on_stray_frame(walker_.stream());
  }
  feed(bytes.substr(taken));
}

/// A frame of a message on a stream that does not exist (any more).
void H2Session::on_stray_frame(int32_t id) {
  switch (closed_.judge(id)) {
    case H2ClosedStreams::Verdict::kClosed: fault(CodecFault::kProtocol, NGHTTP2_STREAM_CLOSED); break;
    case H2ClosedStreams::Verdict::kSkipped: fault(CodecFault::kProtocol); break;
    case H2ClosedStreams::Verdict::kUnknown: break;
  }
}

void H2Session::feed(std::string_view bytes) {
  if (faulty() || connection_.closed()) return;
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  const ssize_t used = nghttp2_session_mem_recv(session_, data, bytes.size());
  ask_turn_end();
  if (used >= 0 || faulty() || connection_.closed()) return;
  if (used == NGHTTP2_ERR_FLOODED) settings_.stats->add(kHttp2OutboundControlFlood);
  const bool protocol = used == NGHTTP2_ERR_BAD_CLIENT_MAGIC || used == NGHTTP2_ERR_CALLBACK_FAILURE;
  fault(protocol ? CodecFault::kProtocol : CodecFault::kFlood);
}

void H2Session::on_sent() {
  if (std::exchange(output_full_, false)) ask_turn_end();
}

void H2Session::ask_turn_end() {
  if (std::exchange(turn_end_asked_, true)) return;
  reactor_.at_turn_end(*this);
}

void H2Session::on_turn_end() {
  turn_end_asked_ = false;
  // What stands before a GOAWAY for overload (SETTINGS, answers) goes out with it: nghttp2 is well.
  if (!connection_.closed() && (!faulty() || fault_ == CodecFault::kOverload)) {
    before_gathering();
    gather();
    if (dying_ > 0) reset_dying();
    watch_output();
    if (nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0) on_finished();
  }
  if (faulty()) tell_fault();
  for (auto& stream : dropped_) H2Stream::give(std::move(stream));
  dropped_.clear();
  if (unflushed_ > 0 && settings_.flush_timeout.count() > 0 && !flush_timer_.armed())
    reactor_.arm(flush_timer_, settings_.flush_timeout);
}

H2Stream& H2Session::add_stream() {
  const size_t window = settings_.options.initial_stream_window_size;
  auto stream = H2Stream::take(*this, std::min(settings_.buffer_limit, window / 2));
  stream->place_ = streams_.size();
  stream->opened_ = reactor_.clock().now();
  streams_.push_back(std::move(stream));
  settings_.stats->add(kHttp2StreamsActive);
  guard_.stream_opened();
  return *streams_.back();
}

void H2Session::drop_stream(H2Stream& stream) {
  if (stream.id_ > 0) {
    nghttp2_session_set_stream_user_data(session_, stream.id_, nullptr);
    // What was never announced as read would be missing in the connection's window for ever.
    if (stream.unannounced_ > 0) nghttp2_session_consume_connection(session_, stream.unannounced_);
  }
  settings_.stats->sub(kHttp2PendingSendBytes, stream.queue_.size());
  stream.queue_.clear();
  take_out(stream);
}

void H2Session::reset_behind(H2Stream& stream) {
  stream.dying_ = true;
  ++dying_;
  take_out(stream);
}

void H2Session::reset_dying() {
  for (auto& stream : dropped_) {
    if (!stream->dying_) continue;
    settings_.stats->sub(kHttp2PendingSendBytes, stream->queue_.size());
    stream->queue_.clear();
    if (stream->id_ < 0) continue;
    nghttp2_session_set_stream_user_data(session_, stream->id_, nullptr);
    if (stream->unannounced_ > 0) nghttp2_session_consume_connection(session_, stream->unannounced_);
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream->id_, reset_code_here_);
  }
  dying_ = 0;
  gather();
}

void H2Session::take_out(H2Stream& stream) {
  if (stream.local_ended_ && !stream.end_sent_) --unflushed_;
  settings_.stats->sub(kHttp2StreamsActive);
  stream.session_ = nullptr;
  stream.events_ = nullptr;
  const size_t place = stream.place_;
  dropped_.push_back(std::move(streams_[place]));
  if (place + 1 != streams_.size()) {
    streams_[place] = std::move(streams_.back());
    streams_[place]->place_ = place;
  }
  streams_.pop_back();
  ask_turn_end();
}

void H2Session::return_window(H2Stream& stream) {
  const size_t size = std::exchange(stream.unannounced_, 0);
  if (size == 0 || stream.id_ < 0) return;
  nghttp2_session_consume(session_, stream.id_, size);
  ask_turn_end();
}

void H2Session::refuse_message(H2Stream& stream) {
  settings_.stats->add(kHttp2RxMessagingError);
  if (!settings_.options.stream_error_on_invalid_http_messaging) {
    fault(CodecFault::kProtocol);
    return;
  }
  submit_reset(stream, NGHTTP2_PROTOCOL_ERROR);
  on_cut(stream, cut_failure(stream));
}

void H2Session::submit_shutdown_notice() {
  nghttp2_submit_shutdown_notice(session_);
  ask_turn_end();
}

void H2Session::submit_goaway() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_NO_ERROR, nullptr, 0);
  ask_turn_end();
}

void H2Session::send_ping() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  ask_turn_end();
}

void H2Session::fault(CodecFault fault, uint32_t code) {
  if (faulty()) return;
  fault_ = fault;
  fault_code_ = code != 0 ? code : code_of(fault);
  ask_turn_end();
}

void H2Session::tell_fault() {
  if (std::exchange(fault_told_, true) || connection_.closed()) return;
  keepalive_.stop();
  flush_timer_.cancel();
  if (fault_ == CodecFault::kKeepalive) {
    settings_.stats->add(kHttp2KeepaliveTimeout);
  } else if (!goaway_written_) {
    write_goaway(fault_code_);
  }
  on_fault(fault_);
}

/// By hand: after a failed callback nghttp2 must not be used any more.
void H2Session::write_goaway(uint32_t code) {
  const auto last = static_cast<uint32_t>(nghttp2_session_get_last_proc_stream_id(session_));
  const auto byte = [](uint32_t value, int shift) { return static_cast<char>((value >> shift) & 0xff); };
  const char frame[] = {0,
                        0,
                        8,
                        NGHTTP2_GOAWAY,
                        0,
                        0,
                        0,
                        0,
                        0,
                        byte(last, 24),
                        byte(last, 16),
                        byte(last, 8),
                        byte(last, 0),
                        byte(code, 24),
                        byte(code, 16),
                        byte(code, 8),
                        byte(code, 0)};
  connection_.output().append({frame, sizeof(frame)});
  connection_.flush_soon();
  settings_.stats->add(kHttp2GoawaySent);
}

/// A peer that gives no window must not hold finished messages for ever.
void H2Session::on_flush_timer() {
  const auto now = reactor_.clock().now();
  for (size_t i = streams_.size(); i-- > 0;) {
    auto& stream = *streams_[i];
    if (!stream.local_ended_ || stream.end_sent_ || now - stream.moved_ < settings_.flush_timeout) continue;
    settings_.stats->add(kHttp2TxFlushTimeout);
    reset_stream(stream, Failure::kLocalReset);
  }
  if (unflushed_ > 0) reactor_.arm(flush_timer_, settings_.flush_timeout);
}

}  // namespace remora

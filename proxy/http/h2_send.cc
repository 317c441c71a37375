// How messages leave: the sinks' half of H2Session, and the callbacks by which nghttp2 fetches bodies.

#include "http/h2_callbacks.h"
#include "stats/http2_stats.h"

namespace remora {
namespace {

// As much as one turn gathers; more waits for the kernel to take some. DATA frames and their credits stay
// with their streams meanwhile.
constexpr size_t kMostOutput = 64 * 1024;

}  // namespace

void H2Session::send_informational(H2Stream& stream, const HeaderMap& head) {
  const auto fields = h2_response_fields(head, false);
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id_, nullptr, fields.data, fields.size, nullptr);
  ask_turn_end();
}

void H2Session::send_head(H2Stream& stream, const HeaderMap& head, bool end) {
  stream.head_sent_ = true;
  submit_head(stream, head, end);
  if (end) local_end(stream);
  ask_turn_end();
}

void H2Session::send_body(H2Stream& stream, BodyChunk chunk, bool end) {
  if (!stream.drops_body_ && !chunk.bytes.empty()) {
    stream.queue_.append(chunk.bytes);
    stream.credit_.merge(std::move(chunk.credit));
    settings_.stats->add(kHttp2PendingSendBytes, chunk.bytes.size());
  }
  if (end) local_end(stream);
  if (std::exchange(stream.deferred_, false)) nghttp2_session_resume_data(session_, stream.id_);
  ask_turn_end();
}

void H2Session::send_trailers(H2Stream& stream, const HeaderMap& trailers) {
  if (!stream.drops_body_ && h2_trailer_fields(trailers).size > 0) {
    stream.trailers_ = trailers;
    stream.has_trailers_ = true;
  }
  send_body(stream, {}, true);
}

void H2Session::local_end(H2Stream& stream) {
  stream.local_ended_ = true;
  stream.moved_ = reactor_.clock().now();
  ++unflushed_;
}

void H2Session::reset_stream(H2Stream& stream, Failure /*failure*/) {
  auto* events = stream.events_;
  if (side_ == Side::kServer && stream.head_sent_) {
    reset_behind(stream);
  } else {
    submit_reset(stream, reset_code_here_);
    drop_stream(stream);
  }
  on_reset_here(events);
}

void H2Session::submit_reset(const H2Stream& stream, uint32_t code) {
  if (stream.id_ > 0) nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id_, code);
  ask_turn_end();
}

void H2Session::gather() {
  auto& output = connection_.output();
  while (output.size() < kMostOutput) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size < 0) fault(CodecFault::kProtocol);
    if (size <= 0) break;
    // on_frame_sent() has been told of this frame already.
    output.append({reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)});
    appended_ += static_cast<size_t>(size);
  }
  if (output.size() >= kMostOutput) output_full_ = true;
  if (!output.empty()) connection_.flush_soon();
}

void H2Session::watch_output() {
  const uint64_t sent = appended_ - connection_.unsent();
  size_t gone = 0;
  while (gone < control_frames_.size() && control_frames_[gone] < sent) ++gone;
  control_frames_.erase(control_frames_.begin(), control_frames_.begin() + static_cast<ptrdiff_t>(gone));
  const size_t queued = nghttp2_session_get_outbound_queue_size(session_);
  const size_t heads = std::min(queued, streams_.size());  // answers that wait are no control frames
  if (!guard_.on_outbound(queued + control_frames_.size(), queued - heads + control_frames_.size()))
    fault(CodecFault::kFlood);
}

nghttp2_data_provider H2Callbacks::body() {
  nghttp2_data_provider provider{};
  provider.read_callback = read_body;
  return provider;
}

ssize_t H2Callbacks::read_body(nghttp2_session* raw, int32_t id, uint8_t* /*buffer*/, size_t length,
                               uint32_t* flags, nghttp2_data_source*, void* user) {
  auto* stream = find_sending(session_of(user), id);
  if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  const size_t size = std::min(length, stream->queue_.size());
  const bool last = stream->local_ended_ && size == stream->queue_.size();
  if (size == 0 && !last) {
    stream->deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (last) *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (last && stream->has_trailers_) {
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const auto fields = h2_trailer_fields(stream->trailers_);
    nghttp2_submit_trailer(raw, id, fields.data, fields.size);
  }
  return static_cast<ssize_t>(size);
}

int H2Callbacks::send_data(nghttp2_session*, nghttp2_frame* frame, const uint8_t* head, size_t length,
                           nghttp2_data_source*, void* user) {
  auto& session = session_of(user);
  auto& output = session.connection_.output();
  if (output.size() >= kMostOutput) {
    session.output_full_ = true;
    return NGHTTP2_ERR_WOULDBLOCK;
  }
  auto* stream = find_sending(session, frame->hd.stream_id);
  if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  constexpr size_t kFrameHead = 9;
  output.append({reinterpret_cast<const char*>(head), kFrameHead});
  session.connection_.write({stream->queue_.view().substr(0, length), stream->credit_.split(length)});
  stream->queue_.consume(length);
  if (stream->local_ended_) stream->moved_ = session.reactor_.clock().now();
  session.appended_ += kFrameHead + length;
  session.settings_.stats->sub(kHttp2PendingSendBytes, length);
  return 0;
}

int H2Callbacks::on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  auto& session = session_of(user);
  const auto& head = frame->hd;
  switch (head.type) {
    case NGHTTP2_DATA: session.guard_.data_sent(); [[fallthrough]];
    case NGHTTP2_HEADERS: {
      if ((head.flags & NGHTTP2_FLAG_END_STREAM) == 0) break;
      auto* stream = find(session, head.stream_id);
      if (stream == nullptr) break;
      stream->end_sent_ = true;
      --session.unflushed_;
      session.on_local_end_sent(*stream);
      break;
    }
    case NGHTTP2_RST_STREAM:
      session.settings_.stats->add(kHttp2TxReset);
      session.note_control_frame();
      break;
    case NGHTTP2_SETTINGS:
    case NGHTTP2_PING:
      if ((head.flags & NGHTTP2_FLAG_ACK) != 0) session.note_control_frame();
      break;
    case NGHTTP2_GOAWAY:
      session.settings_.stats->add(kHttp2GoawaySent);
      if (frame->goaway.error_code == NGHTTP2_NO_ERROR) break;
      session.goaway_written_ = true;
      session.fault(frame->goaway.error_code == NGHTTP2_ENHANCE_YOUR_CALM ? CodecFault::kFlood
                                                                          : CodecFault::kProtocol);
      break;
    default: break;
  }
  return 0;
}

int H2Callbacks::on_frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int /*error*/, void* user) {
  auto& session = session_of(user);
  if (frame->hd.type != NGHTTP2_HEADERS || session.side_ != H2Session::Side::kClient) return 0;
  // A request that came too late for this connection: the peer has not seen it. nghttp2 has no stream for it.
  for (auto& stream : session.streams_) {
    if (stream->id_ != frame->hd.stream_id) continue;
    stream->reset_code_ = NGHTTP2_REFUSED_STREAM;
    session.on_cut(*stream, session.cut_failure(*stream));
    break;
  }
  return 0;
}

}  // namespace remora

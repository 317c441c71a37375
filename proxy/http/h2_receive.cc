// The half of nghttp2's callbacks that brings what the peer sends.

#include <algorithm>

#include "http/h2_callbacks.h"
#include "stats/http2_stats.h"

namespace remora {
namespace {

constexpr uint64_t kPadded = UINT64_MAX;  // where in the frame its data ends is not known beforehand

std::string_view text(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

bool ends_stream(uint8_t flags) { return (flags & NGHTTP2_FLAG_END_STREAM) != 0; }

}  // namespace

H2Stream* H2Callbacks::find_sending(H2Session& session, int32_t id) {
  return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session.session_, id));
}

H2Stream* H2Callbacks::find(H2Session& session, int32_t id) {
  auto* stream = find_sending(session, id);
  return stream == nullptr || stream->dying_ ? nullptr : stream;
}

int H2Callbacks::on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
  auto& session = session_of(user);
  if (session.connection_.closed() || session.faulty()) return NGHTTP2_ERR_CALLBACK_FAILURE;
  const bool answer = head->type == NGHTTP2_PING && (head->flags & NGHTTP2_FLAG_ACK) != 0;
  if (!answer) session.keepalive_.on_frame();
  if (head->type != NGHTTP2_CONTINUATION) session.inside_section_ = false;
  if (head->type == NGHTTP2_DATA || head->type == NGHTTP2_HEADERS) {
    auto* stream = find(session, head->stream_id);
    if (stream == nullptr)
      session.on_stray_frame(head->stream_id);
    else
      stream->frame_left_ = (head->flags & NGHTTP2_FLAG_PADDED) != 0 ? kPadded : head->length;
    if (session.faulty()) return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  if (head->type == NGHTTP2_DATA) return 0;  // looked at when its padding is known
  if (head->type == NGHTTP2_PUSH_PROMISE) {  // nobody has allowed that, acknowledged or not
    session.fault(CodecFault::kProtocol);
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  if (session.guard_.on_frame(head->type, head->length, head->flags)) return 0;
  session.fault(CodecFault::kFlood);
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int H2Callbacks::on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  auto& session = session_of(user);
  auto* stream = find(session, frame->hd.stream_id);
  if (stream == nullptr && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
    stream = session.on_new_stream(frame->hd.stream_id);
  if (stream == nullptr) return 0;
  session.inside_section_ = true;
  stream->reader_.start(stream->section_);
  return 0;
}

int H2Callbacks::on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                           size_t name_length, const uint8_t* value, size_t value_length, uint8_t /*flags*/,
                           void* user) {
  auto& session = session_of(user);
  auto* stream = find(session, frame->hd.stream_id);
  if (stream == nullptr) return 0;
  if (stream->reader_.add(text(name, name_length), text(value, value_length), session.settings_.limits))
    return 0;
  session.settings_.stats->add(kHttp2HeaderOverflow);
  session.inside_section_ = false;
  stream->too_large_ = true;
  session.on_cut(*stream, session.cut_failure(*stream));
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // nghttp2 resets the stream
}

int H2Callbacks::on_invalid_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* /*name*/,
                                   size_t /*name_length*/, const uint8_t* /*value*/, size_t /*value_length*/,
                                   uint8_t /*flags*/, void* user) {
  auto& session = session_of(user);
  session.inside_section_ = false;
  if (auto* stream = find(session, frame->hd.stream_id)) session.refuse_message(*stream);
  return session.faulty() ? NGHTTP2_ERR_CALLBACK_FAILURE : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int H2Callbacks::on_data_chunk(nghttp2_session*, uint8_t flags, int32_t id, const uint8_t* data,
                               size_t length, void* user) {
  auto& session = session_of(user);
  auto* stream = find(session, id);
  if (stream == nullptr || stream->only_answers_) {
    nghttp2_session_consume(session.session_, id, length);
    session.ask_turn_end();
    return 0;
  }
  if (stream->frame_left_ != kPadded) stream->frame_left_ -= length;
  if (stream->length_known_) stream->body_left_ -= std::min<uint64_t>(length, stream->body_left_);
  // The end comes with the last piece where it can be known; a body shorter than announced has none: nghttp2
  // refuses its last frame.
  const bool end =
      ends_stream(flags) && stream->frame_left_ == 0 && !(stream->length_known_ && stream->body_left_ > 0);
  BodyChunk chunk{text(data, length), Credit(*stream->account_, length)};
  if (stream->account_->exhausted()) {
    stream->unannounced_ += length;
  } else {
    nghttp2_session_consume(session.session_, id, length);
    session.ask_turn_end();
  }
  auto* events = stream->events_;
  if (end) {
    stream->remote_ended_ = true;
    session.on_remote_end(*stream);
  }
  events->on_body(std::move(chunk), end);
  return session.connection_.closed() ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

void H2Callbacks::end_of_data(H2Session& session, H2Stream& stream) {
  if (stream.remote_ended_ || stream.only_answers_) return;
  stream.remote_ended_ = true;
  auto* events = stream.events_;
  session.on_remote_end(stream);
  events->on_body({}, true);
}

int H2Callbacks::on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  auto& session = session_of(user);
  auto* stream = find(session, frame->hd.stream_id);
  const bool end = ends_stream(frame->hd.flags);
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      session.inside_section_ = false;
      if (stream == nullptr) break;
      stream->reader_.finish();
      session.on_section(*stream, end);
      break;
    case NGHTTP2_DATA:
      if (!session.guard_.on_data_frame(frame->hd.length == frame->data.padlen, end))
        session.fault(CodecFault::kFlood);
      else if (end && stream != nullptr)
        end_of_data(session, *stream);
      break;
    case NGHTTP2_RST_STREAM:
      session.settings_.stats->add(kHttp2RxReset);
      if (stream != nullptr) stream->reset_by_peer_ = true;
      break;
    case NGHTTP2_SETTINGS:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) session.on_peer_settings();
      break;
    case NGHTTP2_PING:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) session.keepalive_.on_ack();
      break;
    case NGHTTP2_GOAWAY: session.on_peer_goaway(); break;
    default: break;
  }
  return session.faulty() || session.connection_.closed() ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

int H2Callbacks::on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
  auto& session = session_of(user);
  if (error == NGHTTP2_ERR_REFUSED_STREAM) {
    session.settings_.stats->add(kHttp2StreamRefusedErrors);
  } else if (error == NGHTTP2_ERR_HTTP_HEADER || error == NGHTTP2_ERR_HTTP_MESSAGING) {
    session.inside_section_ = false;
    if (auto* stream = find(session, frame->hd.stream_id)) session.refuse_message(*stream);
  }
  return session.faulty() ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;  // nghttp2 resets the stream, or ends it all
}

int H2Callbacks::on_stream_close(nghttp2_session*, int32_t id, uint32_t code, void* user) {
  auto& session = session_of(user);
  if (auto* stream = find_sending(session, id); stream != nullptr && stream->dying_) stream->id_ = -1;
  if (auto* stream = find(session, id)) {
    if (!stream->reset_by_peer_ && code == NGHTTP2_PROTOCOL_ERROR)
      session.settings_.stats->add(kHttp2RxMessagingError);  // a body that is not as long as announced
    stream->reset_code_ = code;
    session.on_cut(*stream, session.cut_failure(*stream));
  }
  return 0;
}

}  // namespace remora

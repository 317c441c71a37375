#include "http/h2_server_codec.h"

#include <charconv>
#include <utility>

#include "http/h2_callbacks.h"
#include "stats/http2_stats.h"

namespace remora {

H2ServerCodec::H2ServerCodec(Connection& connection, Reactor& reactor, ServerCodecEvents& owner,
                             const H2Settings& settings)
    : H2Session(Side::kServer, connection, reactor, settings),
      owner_(owner) {
  reset_code_here_ = NGHTTP2_INTERNAL_ERROR;
}

size_t H2ServerCodec::receive(std::string_view bytes) {
  take_bytes(bytes);
  return bytes.size();
}

void H2ServerCodec::start_drain() {
  if (std::exchange(draining_, true)) return;
  submit_shutdown_notice();
}

void H2ServerCodec::finish_drain() {
  draining_ = true;
  if (!std::exchange(goaway_, true)) submit_goaway();
}

H2Stream* H2ServerCodec::on_new_stream(int32_t id) {
  closed_.on_opened(id);
  auto& stream = add_stream();
  stream.id_ = id;
  nghttp2_session_set_stream_user_data(session_, id, &stream);
  return &stream;
}

void H2ServerCodec::on_section(H2Stream& stream, bool end) {
  if (end) stream.remote_ended_ = true;
  if (!std::exchange(stream.head_read_, true)) {
    open(stream, end);
    return;
  }
  settings_.stats->add(kHttp2Trailers);
  if (!are_valid_h2_trailers(stream.section_)) {
    refuse_message(stream);
  } else if (!stream.only_answers_) {
    stream.events_->on_trailers(stream.section_);
  }
}

void H2ServerCodec::open(H2Stream& stream, bool end) {
  auto& head = stream.section_;
  const auto error = admit_h2_request(head, stream.upgrade_);
  stream.head_request_ = head.method() == "HEAD";
  if (error.failed()) {
    stream.only_answers_ = true;
    stream.events_ = &owner_.on_bad_request(error, stream, Protocol::kHttp2);
    return;
  }
  if (const auto length = head.get(HeaderId::kContentLength)) {
    stream.length_known_ = true;
    std::from_chars(length->data(), length->data() + length->size(), stream.body_left_);
  }
  stream.events_ = &owner_.on_request_stream(stream, Protocol::kHttp2);
  stream.events_->on_head(head, end);
}

void H2ServerCodec::submit_head(H2Stream& stream, const HeaderMap& head, bool end) {
  const auto status = head.status();
  const bool tunnel = stream.upgrade_ && status == 101;
  stream.drops_body_ = !tunnel && (stream.head_request_ || status == 204 || status == 304);
  const auto fields = h2_response_fields(head, stream.upgrade_);
  const auto body = H2Callbacks::body();
  nghttp2_submit_response(session_, stream.id_, fields.data, fields.size, end ? nullptr : &body);
}

/// An answer that is complete ends the stream; what is left of its request is not waited for.
void H2ServerCodec::on_local_end_sent(H2Stream& stream) {
  if (stream.remote_ended_) {
    closed_.on_closed(stream.id_);
  } else {
    submit_reset(stream, NGHTTP2_NO_ERROR);
  }
  auto* events = stream.events_;
  drop_stream(stream);
  stream_over(events, false);
}

void H2ServerCodec::on_cut(H2Stream& stream, Failure failure) {
  const bool young = reactor_.clock().now() - stream.opened_ <= H2FloodGuard::kPrematureAge;
  const bool premature = stream.reset_by_peer_ && !stream.head_sent_ && young;
  if (stream.reset_by_peer_) closed_.on_closed(stream.id_);
  auto* events = stream.events_;
  drop_stream(stream);
  if (events != nullptr) events->on_reset(failure);
  stream_over(events, premature);
}

Failure H2ServerCodec::cut_failure(const H2Stream& stream) const {
  return stream.reset_by_peer_ ? Failure::kDownstreamReset : Failure::kDownstreamProtocolError;
}

void H2ServerCodec::on_reset_here(MessageEvents* events) { stream_over(events, false); }

void H2ServerCodec::stream_over(MessageEvents* events, bool premature) {
  if (!guard_.on_stream_over(premature)) fault(CodecFault::kPrematureResets);
  if (events != nullptr) owner_.on_stream_done(events, !(goaway_ && stream_count() == 0));
}

}  // namespace remora

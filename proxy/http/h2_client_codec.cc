#include "http/h2_client_codec.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "http/h2_callbacks.h"

namespace remora {
namespace {

// More interim responses than any real server sends; a stream of them must not be endless.
constexpr uint8_t kMaxInformationals = 32;
// Until the server has said how many streams it takes.
constexpr size_t kStreamsBeforeSettings = 100;
constexpr int32_t kLastStreamId = INT32_MAX;

StreamEnd end_of(Failure failure) {
  switch (failure) {
    case Failure::kRefusedStream: return StreamEnd::kRefused;
    case Failure::kUpstreamReset: return StreamEnd::kCutRemotely;
    default: return StreamEnd::kProtocolError;
  }
}

}  // namespace

H2ClientCodec::H2ClientCodec(Connection& connection, Reactor& reactor, ClientCodecEvents& owner,
                             const H2Settings& settings)
    : H2Session(Side::kClient, connection, reactor, settings),
      owner_(owner) {
  reset_code_here_ = NGHTTP2_CANCEL;
}

MessageSink& H2ClientCodec::open(MessageEvents& response) {
  keepalive_.before_stream();
  auto& stream = add_stream();
  stream.events_ = &response;
  return stream;
}

size_t H2ClientCodec::capacity() const {
  if (going_away_ || faulty() || connection_.closed()) return 0;
  const auto next = static_cast<int32_t>(nghttp2_session_get_next_stream_id(session_));
  if (next <= 0 || static_cast<size_t>((kLastStreamId - next) / 2) < stream_count()) return 0;
  size_t most = settings_.options.max_concurrent_streams;
  most = std::min(most, settings_seen_ ? size_t{nghttp2_session_get_remote_settings(
                                             session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)}
                                       : kStreamsBeforeSettings);
  return most > stream_count() ? most - stream_count() : 0;
}

void H2ClientCodec::on_end() {
  if (faulty()) {
    tell_fault();  // what came with the end says more than the end
  } else {
    on_connection_lost(Failure::kConnectionTermination);
  }
}

size_t H2ClientCodec::receive(std::string_view bytes) {
  take_bytes(bytes);
  return bytes.size();
}

void H2ClientCodec::on_connection_lost(Failure failure) {
  going_away_ = true;
  while (stream_count() > 0) {
    auto& stream = stream_at(stream_count() - 1);
    auto* events = stream.events_;
    drop_stream(stream);
    if (events != nullptr) events->on_reset(failure);
  }
}

void H2ClientCodec::submit_head(H2Stream& stream, const HeaderMap& head, bool end) {
  stream.upgrade_ = head.has(HeaderId::kUpgrade);
  stream.head_request_ = head.method() == "HEAD";
  if (stream.upgrade_) stream.upgrade_type_ = head.value_of(HeaderId::kUpgrade);
  const auto fields = h2_request_fields(head, stream.upgrade_);
  const auto body = H2Callbacks::body();
  const int32_t id =
      nghttp2_submit_request(session_, nullptr, fields.data, fields.size, end ? nullptr : &body, &stream);
  // Without an id there is no room for it any more: told when the turn ends, as for those that nghttp2 finds
  // too late.
  if (id > 0) {
    stream.id_ = id;
  } else {
    stream.reset_code_ = NGHTTP2_REFUSED_STREAM;
    too_late_ = true;
  }
}

void H2ClientCodec::on_section(H2Stream& stream, bool end) {
  if (stream.head_read_) {
    if (!are_valid_h2_trailers(stream.section_)) {
      refuse_message(stream);
      return;
    }
    auto* events = stream.events_;
    on_remote_end(stream);
    events->on_trailers(stream.section_);
  } else if (stream.section_.status() / 100 == 1) {
    on_interim(stream, end);
  } else {
    on_final_head(stream, end);
  }
}

void H2ClientCodec::on_interim(H2Stream& stream, bool end) {
  if (end || stream.section_.status() == 101 || ++stream.informationals_ > kMaxInformationals) {
    refuse_message(stream);
    return;
  }
  stream.events_->on_informational(stream.section_);
}

void H2ClientCodec::on_final_head(H2Stream& stream, bool end) {
  stream.head_read_ = true;
  auto& head = stream.section_;
  const auto status = head.status();
  if (stream.upgrade_ && status / 100 == 2 && !end) {
    head.set(HeaderId::kStatus, "101");
    head.set(HeaderId::kUpgrade, stream.upgrade_type_);
    head.set(HeaderId::kConnection, "upgrade");
  } else if (const auto length = head.get(HeaderId::kContentLength);
             length && !stream.head_request_ && status != 204 && status != 304) {
    stream.length_known_ = true;
    std::from_chars(length->data(), length->data() + length->size(), stream.body_left_);
  }
  auto* events = stream.events_;
  if (end) on_remote_end(stream);
  events->on_head(head, end);
}

/// The answer is complete: the stream is over before its reader hears of it, so that the connection may serve
/// the reader's next wish. What was left of the request is of no use to anybody.
void H2ClientCodec::on_remote_end(H2Stream& stream) {
  if (!stream.end_sent_) submit_reset(stream, NGHTTP2_CANCEL);
  closed_.on_closed(stream.id_);
  auto& events = *stream.events_;
  drop_stream(stream);
  owner_.on_stream_done(events, StreamEnd::kReusable);
}

void H2ClientCodec::on_cut(H2Stream& stream, Failure failure) {
  if (stream.reset_by_peer_) closed_.on_closed(stream.id_);
  auto* events = stream.events_;
  drop_stream(stream);
  if (events == nullptr) return;
  owner_.on_stream_done(*events, end_of(failure));
  events->on_reset(failure);
}

Failure H2ClientCodec::cut_failure(const H2Stream& stream) const {
  if (stream.too_large_) return Failure::kUpstreamHeadersTooLarge;
  if (stream.reset_code_ == NGHTTP2_REFUSED_STREAM) return Failure::kRefusedStream;
  return stream.reset_by_peer_ ? Failure::kUpstreamReset : Failure::kUpstreamProtocolError;
}

void H2ClientCodec::on_reset_here(MessageEvents* events) {
  if (events != nullptr) owner_.on_stream_done(*events, StreamEnd::kCutLocally);
}

void H2ClientCodec::before_gathering() {
  if (!std::exchange(too_late_, false)) return;
  for (size_t i = stream_count(); i-- > 0;) {
    auto& stream = stream_at(i);
    if (stream.reset_code_ == 0) continue;
    on_cut(stream, cut_failure(stream));
    i = std::min(i, stream_count());
  }
}

void H2ClientCodec::on_peer_settings() {
  settings_seen_ = true;
  owner_.on_capacity();
}

void H2ClientCodec::on_peer_goaway() {
  if (std::exchange(going_away_, true)) return;
  owner_.on_going_away();
}

/// After a GOAWAY: what has no stream by now was never sent. Without one nghttp2 has given up by itself: what
/// came was no HTTP/2 at all, or broke its rules for the connection.
void H2ClientCodec::on_finished() {
  if (!going_away_) {
    fault(CodecFault::kProtocol);
    return;
  }
  while (stream_count() > 0) {
    auto& stream = stream_at(stream_count() - 1);
    stream.reset_code_ = NGHTTP2_REFUSED_STREAM;
    on_cut(stream, cut_failure(stream));
  }
}

void H2ClientCodec::on_fault(CodecFault fault) {
  going_away_ = true;
  owner_.on_connection_failed(fault == CodecFault::kKeepalive ? Failure::kConnectionTermination
                                                              : Failure::kUpstreamProtocolError);
}

}  // namespace remora

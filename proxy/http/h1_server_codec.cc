#include "http/h1_server_codec.h"

#include <charconv>
#include <utility>

#include "http/h1_fields.h"

namespace remora {
namespace {

// How much of a request is read after its answer to save the connection; a longer one costs less to cut.
constexpr size_t kMaxDiscarded = 64 * 1024;

}  // namespace

size_t H1ServerCodec::receive(std::string_view bytes) {
  size_t used = 0;
  while (used < bytes.size() && !connection_.closed()) {
    const auto rest = bytes.substr(used);
    size_t step = 0;
    switch (reading_) {
      case Reading::kHead: step = read_head(rest); break;
      case Reading::kBody: step = read_body(rest); break;
      case Reading::kTunnel:
        if (stalled()) return used;
        deliver(rest, false);
        step = rest.size();
        break;
      case Reading::kIgnore: step = rest.size(); break;
      case Reading::kAwaitUpgrade:
      case Reading::kDone: return used;  // the next request waits until this one is answered
    }
    if (step == 0) return used;
    used += step;
  }
  return used;
}

size_t H1ServerCodec::read_head(std::string_view bytes) {
  if (!head_begun_ && bytes[0] == '\r') {  // an empty line before a request is skipped (RFC 9112 section 2.2)
    if (bytes.size() == 1) return 0;
    if (bytes[1] == '\n') return 2;
  }
  head_begun_ = true;
  const auto state = scanner_.scan(bytes);
  const size_t size = state == HeadScanner::State::kComplete ? scanner_.size() : bytes.size();
  if (state == HeadScanner::State::kBad) {
    refuse({400, "http1.bad_line_end"});
    return bytes.size();
  }
  if (size > settings_.rules.limits.max_bytes) {
    // Judged by where the limit falls, not by how the bytes happened to arrive.
    const auto within = bytes.substr(0, settings_.rules.limits.max_bytes);
    refuse(within.find("\r\n") == std::string_view::npos ? HeadError{414, "request_target_too_large"}
                                                         : HeadError{431, "request_headers_too_large"});
    return bytes.size();
  }
  if (state == HeadScanner::State::kMore) return 0;
  scanner_.reset();
  head_begun_ = false;
  head_ = heads_.take();
  const auto error = parse_request_head(bytes.substr(0, size), settings_.rules, head_, request_);
  if (error.failed()) {
    refuse(error);
    return bytes.size();
  }
  keep_spellings(bytes.substr(0, size), settings_.header_case, head_);
  open_stream();
  return size;
}

void H1ServerCodec::open_stream() {
  head_request_ = head_.method() == "HEAD";
  connect_ = head_.method() == "CONNECT";
  close_after_ = !request_.keep_alive;
  bool end = false;
  switch (request_.framing.kind) {
    case Framing::Kind::kLength:
    case Framing::Kind::kChunked:
      reading_ = Reading::kBody;
      body_.start(request_.framing);
      break;
    default:
      end = !request_.upgrade && !connect_;
      reading_ = end ? Reading::kDone : Reading::kAwaitUpgrade;
      break;
  }
  stream_ =
      &owner_.on_request_stream(*this, request_.minor_version == 1 ? Protocol::kHttp11 : Protocol::kHttp10);
  stream_->on_head(head_, end);
}

void H1ServerCodec::refuse(HeadError error) {
  scanner_.reset();
  head_begun_ = false;
  reading_ = Reading::kIgnore;
  close_after_ = true;
  request_.minor_version = 1;
  head_request_ = false;
  owner_.on_bad_request(error, *this, Protocol::kHttp11);
}

void H1ServerCodec::discard(size_t size) {
  discarded_ += size;
  if (discarded_ > kMaxDiscarded) {
    finish_stream(false);
  } else if (reading_ == Reading::kDone) {
    finish_stream(true);
  }
}

void H1ServerCodec::deliver(std::string_view bytes, bool end) {
  if (discarding_) {
    discard(bytes.size());
    return;
  }
  if (stream_ == nullptr) return;
  BodyChunk chunk{bytes, bytes.empty() ? Credit() : Credit(account_, bytes.size())};
  stream_->on_body(std::move(chunk), end);
  if (stalled()) connection_.pause_reading();
}

size_t H1ServerCodec::read_body(std::string_view bytes) {
  if (stalled() && !body_.at_trailers()) return 0;
  const auto step = body_.next(bytes, settings_.rules.limits, head_);
  if (step.end) request_complete();
  switch (step.event) {
    case BodyReader::Event::kMore: break;
    case BodyReader::Event::kData: deliver(step.data, step.end); break;
    case BodyReader::Event::kTrailers:
      if (stream_ != nullptr && settings_.enable_trailers) {
        stream_->on_trailers(head_);
      } else {
        deliver({}, true);
      }
      break;
    case BodyReader::Event::kBad: body_error(); break;
  }
  return step.used;
}

void H1ServerCodec::body_error() {
  reading_ = Reading::kIgnore;
  close_after_ = true;
  if (discarding_) finish_stream(false);
  if (stream_ != nullptr) stream_->on_reset(Failure::kDownstreamProtocolError);
}

bool H1ServerCodec::on_end() {
  if (stream_ == nullptr) return !head_begun_ && !discarding_;
  if (reading_ == Reading::kTunnel) {
    reading_ = Reading::kDone;
    deliver({}, true);
    return true;
  }
  return false;
}

void H1ServerCodec::send_informational(const HeaderMap& head) {
  if (request_.minor_version == 0) return;
  auto& out = connection_.output();
  write_status_line(out, head);
  write_fields(out, head, settings_.header_case.style, false);
  out.append("\r\n");
  connection_.flush_soon();
}

Framing H1ServerCodec::response_framing(const HeaderMap& head, uint16_t status, bool end) {
  if (status == 101 && request_.upgrade) return {Framing::Kind::kTunnel, 0};
  if (connect_ && status / 100 == 2) return {Framing::Kind::kTunnel, 0};
  if (head_request_ || status == 204 || status == 304 || end) return {};
  if (const auto length = head.get(HeaderId::kContentLength)) {
    uint64_t value = 0;
    std::from_chars(length->data(), length->data() + length->size(), value);
    return {value == 0 ? Framing::Kind::kNone : Framing::Kind::kLength, value};
  }
  return {request_.minor_version == 1 ? Framing::Kind::kChunked : Framing::Kind::kUntilClose, 0};
}

void H1ServerCodec::write_framing_fields(const HeaderMap& head, uint16_t status, bool end) {
  auto& out = connection_.output();
  const auto kind = writer_.kind();
  if (kind == Framing::Kind::kTunnel) return;
  if (kind == Framing::Kind::kChunked)
    write_field(out, head, "transfer-encoding", "chunked", settings_.header_case.style);
  const bool bodyless = head_request_ || status == 204 || status == 304;
  if (end && !bodyless && !head.has(HeaderId::kContentLength))
    write_field(out, head, "content-length", "0", settings_.header_case.style);
  if (close_after_) {
    write_field(out, head, "connection", "close", settings_.header_case.style);
  } else if (request_.minor_version == 0) {
    write_field(out, head, "connection", "keep-alive", settings_.header_case.style);
  }
}

void H1ServerCodec::send_head(const HeaderMap& head, bool end) {
  const uint16_t status = head.status();
  const auto framing = response_framing(head, status, end);
  writer_.start(framing);
  if (draining_ || framing.kind == Framing::Kind::kUntilClose) close_after_ = true;
  if (reading_ == Reading::kBody && body_.left() > kMaxDiscarded) close_after_ = true;  // not waited for
  // What was meant for a tunnel that was refused is no request.
  if (connect_ && framing.kind != Framing::Kind::kTunnel) close_after_ = true;
  auto& out = connection_.output();
  write_status_line(out, head);
  write_fields(out, head, settings_.header_case.style, false);
  write_framing_fields(head, status, end);
  out.append("\r\n");
  connection_.flush_soon();
  if (framing.kind == Framing::Kind::kTunnel) {
    reading_ = Reading::kTunnel;
    connection_.resume_reading();
  } else if (reading_ == Reading::kAwaitUpgrade) {
    reading_ = Reading::kDone;  // the upgrade was refused: an ordinary answer to a request without a body
  }
  if (end) finish_response(nullptr);
}

void H1ServerCodec::send_body(BodyChunk chunk, bool end) {
  // Bodies of answers that cannot have one (HEAD, 204, 304) are dropped here, whoever made them.
  const bool dropped = writer_.kind() == Framing::Kind::kNone;
  if (!dropped && !writer_.write(connection_, std::move(chunk))) {
    finish_stream(false);
    return;
  }
  if (end) finish_response(nullptr);
}

void H1ServerCodec::send_trailers(const HeaderMap& trailers) {
  finish_response(settings_.enable_trailers ? &trailers : nullptr);
}

void H1ServerCodec::reset(Failure /*failure*/) { finish_stream(false); }

void H1ServerCodec::finish_response(const HeaderMap* trailers) {
  const bool whole = writer_.finish(connection_, trailers, settings_.header_case.style);
  const bool tunnel = writer_.kind() == Framing::Kind::kTunnel;
  const bool keep = whole && !tunnel && !close_after_;
  if (keep && reading_ == Reading::kBody) {
    discarding_ = true;
    discarded_ = 0;
    owner_.on_request_outlived(*std::exchange(stream_, nullptr));
    return;
  }
  finish_stream(keep && reading_ == Reading::kDone);
}

void H1ServerCodec::finish_stream(bool reusable) {
  discarding_ = false;
  reading_ = reusable ? Reading::kHead : Reading::kIgnore;
  heads_.give(std::move(head_));
  owner_.on_stream_done(std::exchange(stream_, nullptr), reusable);
}

}  // namespace remora

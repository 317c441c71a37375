#include "http/h1_client_codec.h"

#include <charconv>

#include "http/h1_fields.h"

namespace remora {
namespace {

// More interim responses than any real server sends; a stream of them must not be endless.
constexpr uint8_t kMaxInformationals = 32;

bool usually_without_body(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "DELETE" || method == "TRACE" ||
         method == "CONNECT";
}

}  // namespace

MessageSink& H1ClientCodec::open(MessageEvents& response) {
  stream_ = &response;
  forget_early_bytes();
  reading_ = Reading::kHead;
  scanner_.reset();
  informationals_ = 0;
  request_done_ = false;
  return *this;
}

size_t H1ClientCodec::receive(std::string_view bytes) {
  size_t used = 0;
  while (used < bytes.size() && stream_ != nullptr && !connection_.closed()) {
    const auto rest = bytes.substr(used);
    size_t step = 0;
    switch (reading_) {
      case Reading::kHead: step = read_head(rest); break;
      case Reading::kBody: step = read_body(rest); break;
      case Reading::kUntilClose:
      case Reading::kTunnel:
        if (stalled()) return used;
        deliver(rest, false);
        step = rest.size();
        break;
    }
    if (step == 0) return used;
    used += step;
  }
  return used;
}

size_t H1ClientCodec::read_head(std::string_view bytes) {
  const auto state = scanner_.scan(bytes);
  if (state == HeadScanner::State::kBad) return fail(Failure::kUpstreamProtocolError, bytes.size());
  const size_t size = state == HeadScanner::State::kComplete ? scanner_.size() : bytes.size();
  if (size > settings_.limits.max_bytes) return fail(Failure::kUpstreamHeadersTooLarge, bytes.size());
  if (state == HeadScanner::State::kMore) return 0;
  scanner_.reset();
  const auto error = parse_response_head(bytes.substr(0, size), settings_.limits, head_request_,
                                         upgrade_asked_, connect_, head_, response_);
  if (error.failed()) {
    const bool too_many = error.detail == "http1.too_many_headers";
    return fail(too_many ? Failure::kUpstreamHeadersTooLarge : Failure::kUpstreamProtocolError, bytes.size());
  }
  keep_spellings(bytes.substr(0, size), settings_.header_case, head_);
  if (response_.status / 100 == 1 && response_.framing.kind != Framing::Kind::kTunnel) {
    if (response_.status == 101 || ++informationals_ > kMaxInformationals) {
      return fail(Failure::kUpstreamProtocolError, bytes.size());
    }
    stream_->on_informational(head_);
    return size;
  }
  final_head();
  return size;
}

void H1ClientCodec::final_head() {
  bool end = false;
  switch (response_.framing.kind) {
    case Framing::Kind::kNone: end = true; break;
    case Framing::Kind::kLength:
    case Framing::Kind::kChunked:
      reading_ = Reading::kBody;
      body_.start(response_.framing);
      break;
    case Framing::Kind::kUntilClose:
      reading_ = Reading::kUntilClose;
      reusable_ = false;
      break;
    case Framing::Kind::kTunnel:
      reading_ = Reading::kTunnel;
      reusable_ = false;
      open_tunnel();
      break;
  }
  if (reading_ != Reading::kTunnel) forget_early_bytes();
  if (upgrade_asked_ && reading_ != Reading::kTunnel) request_done_ = true;
  if (!response_.keep_alive) reusable_ = false;
  auto* stream = stream_;
  if (end) {
    // The stream is over before its reader hears of it: the connection may serve the reader's next wish at
    // once.
    response_complete();
  }
  stream->on_head(head_, end);
}

void H1ClientCodec::deliver(std::string_view bytes, bool end) {
  auto* stream = stream_;
  Credit credit = bytes.empty() ? Credit() : Credit(account_, bytes.size());
  if (end) response_complete();
  stream->on_body({bytes, std::move(credit)}, end);
  if (stalled()) connection_.pause_reading();
}

size_t H1ClientCodec::read_body(std::string_view bytes) {
  if (stalled() && !body_.at_trailers()) return 0;
  const auto step = body_.next(bytes, settings_.limits, head_);
  switch (step.event) {
    case BodyReader::Event::kMore: break;
    case BodyReader::Event::kData: deliver(step.data, step.end); break;
    case BodyReader::Event::kTrailers: deliver_trailers(); break;
    case BodyReader::Event::kBad: return fail(Failure::kUpstreamProtocolError, step.used);
  }
  return step.used;
}

void H1ClientCodec::deliver_trailers() {
  if (!settings_.enable_trailers) {
    deliver({}, true);
    return;
  }
  auto* stream = stream_;
  response_complete();
  stream->on_trailers(head_);
}

void H1ClientCodec::end_stream(StreamEnd end) {
  owner_.on_stream_done(*std::exchange(stream_, nullptr), end);
}

void H1ClientCodec::response_complete() {
  // An answer before the request's end: the rest of the request would be read as the next one.
  if (!request_done_) reusable_ = false;
  end_stream(reusable_ ? StreamEnd::kReusable : StreamEnd::kComplete);
}

size_t H1ClientCodec::fail(Failure failure, size_t used) {
  auto* stream = stream_;
  reusable_ = false;
  end_stream(failure == Failure::kConnectionTermination ? StreamEnd::kCutRemotely
                                                        : StreamEnd::kProtocolError);
  stream->on_reset(failure);
  return used;
}

void H1ClientCodec::on_end() {
  if (stream_ == nullptr) return;
  if (reading_ == Reading::kUntilClose || reading_ == Reading::kTunnel) {
    deliver({}, true);
  } else if (reading_ == Reading::kHead) {
    // Half a head is an answer, if a bad one: the request has been read, and must not be sent again unasked.
    fail(head_is_cut() ? Failure::kUpstreamProtocolError : Failure::kConnectionTermination, 0);
  } else {
    // A body that was announced and did not come: that is no way to end a message.
    auto* stream = stream_;
    reusable_ = false;
    end_stream(StreamEnd::kCutRemotely);
    stream->on_reset(Failure::kUpstreamProtocolError);
  }
}

void H1ClientCodec::on_connection_lost(Failure failure) {
  reusable_ = false;
  auto* stream = std::exchange(stream_, nullptr);
  if (stream == nullptr) return;
  const bool answered = failure == Failure::kConnectionTermination && head_is_cut();
  stream->on_reset(answered ? Failure::kUpstreamProtocolError : failure);
}

void H1ClientCodec::send_head(const HeaderMap& head, bool end) {
  head_request_ = head.method() == "HEAD";
  connect_ = head.method() == "CONNECT";
  upgrade_asked_ = head.has(HeaderId::kUpgrade);
  Framing framing;
  const auto length = head.get(HeaderId::kContentLength);
  if (length) {
    std::from_chars(length->data(), length->data() + length->size(), framing.length);
    if (framing.length > 0) framing.kind = Framing::Kind::kLength;
  } else if (!end && !upgrade_asked_ && !connect_) {
    framing.kind = Framing::Kind::kChunked;
  }
  writer_.start(framing);
  auto& out = connection_.output();
  write_request_line(out, head);
  write_fields(out, head, settings_.header_case.style, true);
  if (framing.kind == Framing::Kind::kChunked)
    write_field(out, head, "transfer-encoding", "chunked", settings_.header_case.style);
  if (end && !length && !usually_without_body(head.method()))
    write_field(out, head, "content-length", "0", settings_.header_case.style);
  out.append("\r\n");
  connection_.flush_soon();
  if (end) finish_request(nullptr);
}

void H1ClientCodec::send_body(BodyChunk chunk, bool end) {
  if (has_no_tunnel()) {
    // Before the answer the server would read it as its next request; after a refusal it is nobody's.
    if (reading_ == Reading::kHead) {
      early_.append(chunk.bytes);
      early_credit_.merge(std::move(chunk.credit));
    }
  } else if (!writer_.write(connection_, std::move(chunk))) {
    break_off();
    return;
  }
  if (end) finish_request(nullptr);
}

void H1ClientCodec::open_tunnel() {
  writer_.start({Framing::Kind::kTunnel, 0});
  if (!early_.empty()) writer_.write(connection_, {early_.view(), std::move(early_credit_)});
  forget_early_bytes();
  if (request_done_) connection_.shutdown_write();
}

void H1ClientCodec::forget_early_bytes() {
  early_.clear();
  early_credit_ = Credit();
}

/// The request's body is not what its head says: nobody could tell where the next request begins.
void H1ClientCodec::break_off() {
  if (stream_ == nullptr) return;
  auto* stream = stream_;
  reset(Failure::kLocalReset);
  stream->on_reset(Failure::kLocalReset);
}

void H1ClientCodec::send_trailers(const HeaderMap& trailers) {
  finish_request(settings_.enable_trailers ? &trailers : nullptr);
}

void H1ClientCodec::finish_request(const HeaderMap* trailers) {
  request_done_ = true;
  if (!writer_.finish(connection_, trailers, settings_.header_case.style)) {
    break_off();
    return;
  }
  if (writer_.kind() == Framing::Kind::kTunnel) connection_.shutdown_write();
}

void H1ClientCodec::reset(Failure /*failure*/) {
  reusable_ = false;
  if (stream_ != nullptr) end_stream(StreamEnd::kCutLocally);
}

}  // namespace remora

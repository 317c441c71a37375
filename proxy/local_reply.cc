#include "local_reply.h"

#include <array>

#include "core/grpc.h"
#include "remora/http/grpc.h"

namespace remora {
namespace {

constexpr int16_t kDeadlineExceeded = 4;

/// grpc-message is percent-encoded: bytes outside visible ASCII, and '%' itself.
std::string encode_grpc_message(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '%') {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 0xf];
    }
  }
  return out;
}

/// The format for the body of what the first mapper that takes the answer has made of it; null: none.
const BodyFormat* map_reply(const LocalReplyConfig& config, uint64_t random, LocalReply& reply,
                            ExchangeInfo& info, HeaderMap& head) {
  const BodyFormat* const usual = config.body_format ? &*config.body_format : nullptr;
  for (const auto& mapper : config.mappers) {
    if (!mapper.filter.matches(info, random)) continue;
    if (mapper.body) reply.body = *mapper.body;
    mapper.headers.apply(head, info);
    if (mapper.status) {
      reply.status = info.response_code = *mapper.status;
      head.set(HeaderId::kStatus, uint64_t{reply.status});
    }
    return mapper.body_format ? &*mapper.body_format : usual;
  }
  return usual;
}

void format_body(const BodyFormat& format, ExchangeInfo& info, std::string& body) {
  std::string made;
  format.append(info, made);
  body = std::move(made);
  info.local_reply_body = body;
}

/// The caller's status is the answer's if it names one, else what its HTTP status stands for.
std::string_view render_grpc(const LocalReply& reply, HeaderMap& head) {
  head.set(HeaderId::kStatus, "200");
  head.set(HeaderId::kContentType, "application/grpc");
  const int16_t status = reply.grpc_status >= 0 ? reply.grpc_status : grpc_status_for_http(reply.status);
  head.set(HeaderId::kGrpcStatus, static_cast<uint64_t>(status));
  if (!reply.body.empty()) head.set(HeaderId::kGrpcMessage, encode_grpc_message(reply.body));
  return {};
}

}  // namespace

LocalReply reply_for(Failure failure, std::string_view transport_failure, bool retried, bool request_complete,
                     std::string& details_storage) {
  LocalReply reply;
  const auto& info = failure_info(failure);
  reply.status = failure_status(failure, request_complete);
  reply.flag = info.flag;
  append_failure_body(failure, retried, reply.body);
  details_storage.clear();
  append_failure_details(failure, false, transport_failure, details_storage);
  reply.details = details_storage;
  if (failure == Failure::kMaxStreamDuration) reply.grpc_status = kDeadlineExceeded;
  if (failure == Failure::kOverflow) {
    reply.edit_head = [](HeaderMap& head) { head.set(HeaderId::kXEnvoyOverloaded, "true"); };
  }
  return reply;
}

LocalReply reply_to_bad_head(HeadError error) {
  LocalReply reply{error.status, {}, error.detail, ResponseFlag::kDownstreamProtocolError, {}};
  if (error.status == 408) reply.flag = ResponseFlag::kNone;
  if (error.status == 400) reply.body = "Bad Request";
  if (error.status == 500) reply.body = "Internal Server Error";
  if (error.status == 426) reply.body = "Upgrade Required";
  return reply;
}

std::string_view render_local_reply(LocalReply& reply, const LocalReplyConfig* rewrite, uint64_t random,
                                    ExchangeInfo& info, HeaderMap& head) {
  head.clear();
  head.add(HeaderId::kStatus, uint64_t{reply.status});
  if (reply.edit_head) reply.edit_head(head);
  info.response = &head;
  info.response_code = reply.status;
  const BodyFormat* format = rewrite == nullptr ? nullptr : map_reply(*rewrite, random, reply, info, head);
  info.local_reply_body = reply.body;
  if (format != nullptr) format_body(*format, info, reply.body);
  if (info.request != nullptr && is_grpc_request(*info.request)) {
    // The new line behind an object; as Envoy, only where the type says what it is.
    const bool object = format != nullptr && format->content_type == "application/json";
    if (object && reply.body.ends_with('\n')) reply.body.pop_back();
    return render_grpc(reply, head);
  }
  if (!reply.body.empty()) {
    head.set(HeaderId::kContentLength, uint64_t{reply.body.size()});
    if (format != nullptr) {
      head.set(HeaderId::kContentType, format->content_type);
    } else if (!head.has(HeaderId::kContentType)) {
      head.add(HeaderId::kContentType, "text/plain");
    }
  }
  return reply.body;
}

}  // namespace remora

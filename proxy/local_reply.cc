#include "local_reply.h"

#include <array>

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
  if (error.status == 426) reply.body = "Upgrade Required";
  return reply;
}

std::string_view render_local_reply(const LocalReply& reply, bool grpc, HeaderMap& head) {
  head.clear();
  if (grpc) {
    head.add(HeaderId::kStatus, "200");
    head.add(HeaderId::kContentType, "application/grpc");
    const int16_t status = reply.grpc_status >= 0 ? reply.grpc_status : grpc_status_for_http(reply.status);
    head.add(HeaderId::kGrpcStatus, static_cast<uint64_t>(status));
    if (!reply.body.empty()) head.add(HeaderId::kGrpcMessage, encode_grpc_message(reply.body));
    if (reply.edit_head) reply.edit_head(head);
    return {};
  }
  head.add(HeaderId::kStatus, uint64_t{reply.status});
  if (reply.edit_head) reply.edit_head(head);
  if (!reply.body.empty()) {
    head.set(HeaderId::kContentLength, uint64_t{reply.body.size()});
    if (!head.has(HeaderId::kContentType)) head.add(HeaderId::kContentType, "text/plain");
  }
  return reply.body;
}

}  // namespace remora

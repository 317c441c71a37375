#include "health_check/grpc_probe.h"

#include <cstdint>
#include <optional>
#include <utility>

namespace remora {
namespace {

constexpr size_t kFrameHead = 5;  // a flag, and the length in four bytes
constexpr int64_t kServing = 1;

std::optional<uint64_t> take_varint(std::string_view& bytes) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

/// Passes over a field of that wire type; false if it cannot be one.
bool skip_field(uint64_t wire_type, std::string_view& bytes) {
  uint64_t size = 0;
  switch (wire_type) {
    case 0: return take_varint(bytes).has_value();
    case 1: size = 8; break;
    case 5: size = 4; break;
    case 2: {
      const auto length = take_varint(bytes);
      if (!length) return false;
      size = *length;
      break;
    }
    default: return false;
  }
  if (size > bytes.size()) return false;
  bytes.remove_prefix(static_cast<size_t>(size));
  return true;
}

/// HealthCheckResponse: field 1 is the status, others may come with time.
int64_t parse_status(std::string_view message) {
  int64_t status = 0;
  while (!message.empty()) {
    const auto tag = take_varint(message);
    if (!tag || *tag >> 3 == 0) return -1;
    if (*tag == 8) {
      const auto value = take_varint(message);
      if (!value) return -1;
      status = *value > INT32_MAX ? INT32_MAX : static_cast<int64_t>(*value);
    } else if (!skip_field(*tag & 7, message)) {
      return -1;
    }
  }
  return status;
}

uint32_t frame_length(std::string_view frame) {
  uint32_t length = 0;
  for (size_t i = 1; i < kFrameHead; ++i) length = length << 8 | static_cast<uint8_t>(frame[i]);
  return length;
}

}  // namespace

std::string grpc_health_request(const std::string& service) {
  std::string message;
  if (!service.empty()) {
    message.push_back(0x0a);
    size_t length = service.size();
    for (; length >= 0x80; length >>= 7) message.push_back(static_cast<char>(length | 0x80));
    message.push_back(static_cast<char>(length));
    message += service;
  }
  std::string frame(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8)
    frame.push_back(static_cast<char>(message.size() >> static_cast<unsigned>(shift)));
  return frame + message;
}

int64_t grpc_health_status(std::string_view body) {
  // Empty frames say nothing; an empty message would be an UNKNOWN at best.
  while (body.size() >= kFrameHead && body[0] == 0 && frame_length(body) == 0) body.remove_prefix(kFrameHead);
  if (body.size() < kFrameHead || body[0] != 0 || frame_length(body) != body.size() - kFrameHead) return -1;
  return parse_status(body.substr(kFrameHead));
}

GrpcProbe::GrpcProbe(const std::shared_ptr<CheckedCluster>& cluster, std::shared_ptr<const Host> host,
                     ProbeOwner& owner, const GrpcHealthCheck& check)
    : StreamProbe(cluster, std::move(host), owner, true),
      check_(check) {}

void GrpcProbe::send_request(MessageSink& request) {
  body_.clear();
  auto head = basic_head("POST", "/grpc.health.v1.Health/Check", check_.authority);
  head.add(HeaderId::kTe, "trailers");
  head.add(HeaderId::kContentType, "application/grpc");
  add_headers(check_.initial_metadata, head);
  head.set(HeaderId::kGrpcTimeout, std::to_string(config().timeout.count()) + "m");
  request.send_head(head, false);
  const auto frame = grpc_health_request(check_.service_name);
  request.send_body({frame, {}}, true);
}

void GrpcProbe::on_head(HeaderMap& head, bool end) {
  if (end) {
    judge(head);
  } else if (head.status() != 200) {
    fail("status " + std::to_string(head.status()));
  } else if (!head.value_of(HeaderId::kContentType).starts_with("application/grpc")) {
    fail("the response is not gRPC");
  }
}

void GrpcProbe::on_body(BodyChunk chunk, bool end) {
  if (end) response_complete();
  if (end || body_.size() + chunk.bytes.size() > kMaxMessage) {
    fail(end ? "the response has no grpc-status" : "the response is too large");
    return;
  }
  body_.append(chunk.bytes);
}

void GrpcProbe::on_trailers(HeaderMap& trailers) { judge(trailers); }

void GrpcProbe::judge(const HeaderMap& status_fields) {
  response_complete();
  const auto code = status_fields.value_of(HeaderId::kGrpcStatus);
  if (code != "0") {
    fail(code.empty() ? "the response has no grpc-status" : "grpc-status " + std::string(code));
    return;
  }
  const auto status = grpc_health_status(body_);
  if (status != kServing) {
    fail(status < 0 ? "the response is no HealthCheckResponse"
                    : "the serving status is " + std::to_string(status));
    return;
  }
  finish({.success = true});
}

void GrpcProbe::fail(std::string why) {
  CheckResult result;
  result.why = std::move(why);
  finish(std::move(result));
}

}  // namespace remora

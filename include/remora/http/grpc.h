#pragma once

#include <cstdint>
#include <string_view>

namespace remora {

/// Whether a content-type is gRPC's: "application/grpc", or that with "+" or ";" behind it. Source: gRPC over
/// HTTP/2.
[[nodiscard]] bool is_grpc_content_type(std::string_view content_type);

/// The gRPC status that a response without one stands for, by its HTTP status (never 0). Source: gRPC, HTTP
/// to gRPC status code mapping.
[[nodiscard]] int16_t grpc_status_for_http(uint16_t status);

}  // namespace remora

#pragma once

#include <optional>
#include <string_view>

#include "remora/http/exchange_info.h"
#include "remora/http/header_map.h"

namespace remora {

/// True if the content type is "application/grpc", alone or with a suffix such as "+proto" (not grpc-web).
/// What has no path, a CONNECT, calls no method.
inline bool is_grpc_request(const HeaderMap& head) {
  if (!head.has(HeaderId::kPath)) return false;
  constexpr std::string_view kGrpc = "application/grpc";
  const std::string_view type = head.value_of(HeaderId::kContentType);
  return type.starts_with(kGrpc) && (type.size() == kGrpc.size() || type[kGrpc.size()] == '+');
}

/// The grpc-status of the trailers, else of the head, else what the response's status stands for: what logs
/// and their filters mean by it. Without a response there is none. -1: one that is no number.
std::optional<int> grpc_status_of(const ExchangeInfo& info);

}  // namespace remora

#pragma once

#include <cstdint>
#include <string_view>

namespace remora::istio {

/// FNV-1a: the same on every machine, so that versions survive restarts.
inline uint64_t hash_bytes(std::string_view bytes, uint64_t hash = 0xcbf29ce484222325ULL) {
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

}  // namespace remora::istio

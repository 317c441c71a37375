#pragma once

#include <cstdint>
#include <string_view>

namespace remora::xds {

/// FNV-1a with a final mix: the same in every process, so that versions can be compared in statistics.
inline uint64_t content_hash(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (const unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3ull;
  hash ^= hash >> 32;
  return hash * 0x9e3779b97f4a7c15ull;
}

}  // namespace remora::xds

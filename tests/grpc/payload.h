#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace remora::test {

/// Bytes that nobody guesses and both sides can make: every value of a byte, none compressible.
inline std::string payload(uint64_t seed, size_t size) {
  std::string bytes(size, '\0');
  uint64_t state = seed * 0x9e3779b97f4a7c15ull + 1;
  for (char& byte : bytes) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    byte = static_cast<char>(state >> 32);
  }
  return bytes;
}

/// FNV-1a, continued from `digest`; begins with 0.
inline uint64_t digest_of(std::string_view bytes, uint64_t digest) {
  digest ^= 0xcbf29ce484222325ull;
  for (const char byte : bytes) digest = (digest ^ static_cast<unsigned char>(byte)) * 0x100000001b3ull;
  return digest;
}

}  // namespace remora::test

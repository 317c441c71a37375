#pragma once

#include <cstdint>
#include <string_view>

namespace remora {

/// XXH64 of `bytes`: the same number on every machine. Source: the xxHash specification, 64 bits.
uint64_t xx_hash64(std::string_view bytes, uint64_t seed = 0);

/// MurmurHash2 in its 64-bit form, with the seed that Envoy's MURMUR_HASH_2 uses. Source: Envoy,
/// Cluster.RingHashLbConfig.HashFunction.
uint64_t murmur_hash2(std::string_view bytes);

}  // namespace remora

#include "core/hash.h"

#include <bit>
#include <cstddef>
#include <cstring>

namespace remora {
namespace {

// Values are read in little-endian order, whatever the machine's.
template <typename Number>
Number load(const char* from) {
  Number value;
  std::memcpy(&value, from, sizeof(value));
  static_assert(std::endian::native == std::endian::little, "the hashes are defined on little-endian words");
  return value;
}

// ---------------------------------------------------------------------------------------------- XXH64

constexpr uint64_t kPrime1 = 0x9e3779b185ebca87;
constexpr uint64_t kPrime2 = 0xc2b2ae3d27d4eb4f;
constexpr uint64_t kPrime3 = 0x165667b19e3779f9;
constexpr uint64_t kPrime4 = 0x85ebca77c2b2ae63;
constexpr uint64_t kPrime5 = 0x27d4eb2f165667c5;
constexpr size_t kStripe = 32;

uint64_t mix_in(uint64_t lane, uint64_t word) { return std::rotl(lane + word * kPrime2, 31) * kPrime1; }

uint64_t merge(uint64_t hash, uint64_t lane) { return (hash ^ mix_in(0, lane)) * kPrime1 + kPrime4; }

/// All whole stripes, in four lanes; `at` ends behind them.
uint64_t hash_stripes(const char*& at, const char* end, uint64_t seed) {
  uint64_t lanes[4] = {seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1};
  for (; static_cast<size_t>(end - at) >= kStripe; at += kStripe) {
    for (size_t i = 0; i < 4; ++i) lanes[i] = mix_in(lanes[i], load<uint64_t>(at + 8 * i));
  }
  uint64_t hash =
      std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
  for (const uint64_t lane : lanes) hash = merge(hash, lane);
  return hash;
}

/// Less than one stripe: words, half a word, bytes.
uint64_t hash_rest(const char* at, const char* end, uint64_t hash) {
  for (; end - at >= 8; at += 8) {
    hash = std::rotl(hash ^ mix_in(0, load<uint64_t>(at)), 27) * kPrime1 + kPrime4;
  }
  if (end - at >= 4) {
    hash = std::rotl(hash ^ load<uint32_t>(at) * kPrime1, 23) * kPrime2 + kPrime3;
    at += 4;
  }
  for (; at < end; ++at) hash = std::rotl(hash ^ static_cast<uint8_t>(*at) * kPrime5, 11) * kPrime1;
  return hash;
}

// ---------------------------------------------------------------------------------------------- murmur

constexpr uint64_t kMurmurSeed = 0xc70f6907;
constexpr uint64_t kMurmurFactor = 0xc6a4a7935bd1e995;

uint64_t shift_mix(uint64_t value) { return value ^ (value >> 47); }

}  // namespace

uint64_t xx_hash64(std::string_view bytes, uint64_t seed) {
  const char* at = bytes.data();
  const char* end = at + bytes.size();
  uint64_t hash = bytes.size() >= kStripe ? hash_stripes(at, end, seed) : seed + kPrime5;
  hash = hash_rest(at, end, hash + bytes.size());
  hash = (hash ^ (hash >> 33)) * kPrime2;
  hash = (hash ^ (hash >> 29)) * kPrime3;
  return hash ^ (hash >> 32);
}

uint64_t murmur_hash2(std::string_view bytes) {
  uint64_t hash = kMurmurSeed ^ (bytes.size() * kMurmurFactor);
  while (bytes.size() >= 8) {
    hash = (hash ^ shift_mix(load<uint64_t>(bytes.data()) * kMurmurFactor) * kMurmurFactor) * kMurmurFactor;
    bytes.remove_prefix(8);
  }
  if (!bytes.empty()) {
    uint64_t last = 0;
    std::memcpy(&last, bytes.data(), bytes.size());
    hash = (hash ^ last) * kMurmurFactor;
  }
  return shift_mix(shift_mix(hash) * kMurmurFactor);
}

}  // namespace remora

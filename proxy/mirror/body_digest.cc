#include "mirror/body_digest.h"

#include <bit>
#include <cstring>

namespace remora {
namespace {

/// Every bit of `value` has a part in every bit of the result (the finalizer of MurmurHash3).
uint64_t spread(uint64_t value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccd;
  value ^= value >> 33;
  value *= 0xc4ceb9fe1a85ec53;
  return value ^ (value >> 33);
}

}  // namespace

void BodyDigest::mix(uint64_t word) {
  hash_ = std::rotl(hash_, 27) * 0x9fb21c651e98df25 ^ spread(word + hash_);
}

void BodyDigest::add(std::string_view bytes) {
  const auto byte = [](char c) { return uint64_t{static_cast<unsigned char>(c)}; };
  // Up to the next whole word of the body, then word by word, then what is left over.
  while (size_ % 8 != 0 && !bytes.empty()) {
    pending_ |= byte(bytes.front()) << (8 * (size_ % 8));
    bytes.remove_prefix(1);
    if (++size_ % 8 == 0) {
      mix(pending_);
      pending_ = 0;
    }
  }
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    mix(word);
    size_ += 8;
  }
  for (const char c : bytes) pending_ |= byte(c) << (8 * (size_++ % 8));
}

uint64_t BodyDigest::value() const { return spread(hash_ ^ spread(pending_) ^ size_); }

}  // namespace remora

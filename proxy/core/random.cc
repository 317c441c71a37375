#include "remora/core/random.h"

#include <bit>
#include <random>

namespace remora {

Random::Random() {
  std::random_device device;
  seed((static_cast<uint64_t>(device()) << 32) | device());
}

Random::Random(uint64_t value) { seed(value); }

/// Fills the state by splitmix64, as the generator's authors advise: no seed, 0 included, gives an all-zero
/// state.
void Random::seed(uint64_t value) {
  for (uint64_t& word : state_) {
    value += 0x9e3779b97f4a7c15;
    uint64_t mixed = value;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    word = mixed ^ (mixed >> 31);
  }
}

uint64_t Random::next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

}  // namespace remora

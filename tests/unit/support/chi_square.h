#pragma once

#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

namespace remora::test {

/// Pearson's statistic of `seen` against `weights` (any scale).
inline double chi_square(const std::vector<double>& seen, const std::vector<double>& weights) {
  const double total = std::accumulate(seen.begin(), seen.end(), 0.0);
  const double weight = std::accumulate(weights.begin(), weights.end(), 0.0);
  double sum = 0;
  for (size_t i = 0; i < seen.size(); ++i) {
    const double wanted = total * weights[i] / weight;
    sum += (seen[i] - wanted) * (seen[i] - wanted) / wanted;
  }
  return sum;
}

/// What the statistic exceeds by chance once in a thousand (Wilson and Hilferty's approximation).
inline double chi_square_limit(size_t degrees_of_freedom) {
  const auto k = static_cast<double>(degrees_of_freedom);
  const double cube = 1 - 2 / (9 * k) + 3.0902 * std::sqrt(2 / (9 * k));
  return k * cube * cube * cube;
}

}  // namespace remora::test

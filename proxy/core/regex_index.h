#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "remora/config/matchers.h"

namespace remora {

/// Many regular expressions matched against a whole text in one pass (RE2::Set), whatever their number.
/// Falls back to one expression at a time when the set cannot be compiled or runs out of its memory budget.
/// Immutable, any thread.
class RegexIndex {
 public:
  RegexIndex();
  ~RegexIndex();
  RegexIndex(RegexIndex&&) noexcept;
  RegexIndex& operator=(RegexIndex&&) noexcept;

  /// `regexes` must be non-null, and outlive this.
  explicit RegexIndex(std::vector<const Regex*> regexes);

  [[nodiscard]] bool empty() const { return regexes_.empty(); }

  /// Fills `matched` with the indexes of the expressions that match all of `text`, ascending.
  void match(std::string_view text, std::vector<int>& matched) const;

 private:
  struct Set;
  std::vector<const Regex*> regexes_;
  std::unique_ptr<const Set> set_;  // null: not worth it (a single expression) or not possible
};

}  // namespace remora

#include "core/regex_index.h"

#include <re2/set.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "core/regex_options.h"

namespace remora {
namespace {

// RE2's default budget, plus room for each expression's share of the common automaton, within reason: the
// automaton's cache is filled by what requests contain.
constexpr int64_t kBaseMemory = 8 << 20;
constexpr int64_t kMemoryPerRegex = 16 << 10;
constexpr int64_t kMaxMemory = 64 << 20;

}  // namespace

struct RegexIndex::Set {
  re2::RE2::Set set;
};

RegexIndex::RegexIndex() = default;
RegexIndex::~RegexIndex() = default;
RegexIndex::RegexIndex(RegexIndex&&) noexcept = default;
RegexIndex& RegexIndex::operator=(RegexIndex&&) noexcept = default;

RegexIndex::RegexIndex(std::vector<const Regex*> regexes) : regexes_(std::move(regexes)) {
  if (regexes_.size() < 2) return;
  auto options = regex_options();
  options.set_max_mem(
      std::min(kMaxMemory, kBaseMemory + kMemoryPerRegex * static_cast<int64_t>(regexes_.size())));
  auto set = std::make_unique<Set>(Set{re2::RE2::Set(options, re2::RE2::ANCHOR_BOTH)});
  for (const Regex* regex : regexes_) {
    if (set->set.Add(regex->pattern(), nullptr) < 0) return;
  }
  if (set->set.Compile()) set_ = std::move(set);
}

void RegexIndex::match(std::string_view text, std::vector<int>& matched) const {
  matched.clear();
  if (set_ != nullptr) {
    re2::RE2::Set::ErrorInfo error{};
    if (set_->set.Match({text.data(), text.size()}, &matched, &error)) {
      std::sort(matched.begin(), matched.end());
      return;
    }
    if (error.kind == re2::RE2::Set::kNoError) return;
    matched.clear();
  }
  for (size_t i = 0; i < regexes_.size(); ++i) {
    if (regexes_[i]->matches(text)) matched.push_back(static_cast<int>(i));
  }
}

}  // namespace remora

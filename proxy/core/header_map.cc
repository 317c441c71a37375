#include "remora/http/header_map.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstring>
#include <utility>

#include "core/ascii.h"

namespace remora {
namespace {

/// Room for the head of an ordinary request; larger ones chain blocks behind it.
constexpr size_t kFirstBlock = 1024 - 4 * sizeof(void*);
constexpr size_t kNextBlock = 4096;
/// What clear() keeps besides the first block: one giant head must not pin its memory for the connection's
/// life.
constexpr size_t kKeptBytes = 16 * 1024;

bool is_pseudo(HeaderId id) { return id <= HeaderId::kStatus; }

}  // namespace

/// A first block and a list of further ones, filled in order and rewound by reset().
struct HeaderMap::Arena {
  struct Block {
    explicit Block(size_t bytes) : data(new char[bytes]), size(bytes) {}
    std::unique_ptr<char[]> data;
    size_t size;
  };

  char* allocate(size_t bytes) {
    while (static_cast<size_t>(end - next) < bytes) open_block(bytes);
    char* const result = next;
    next += bytes;
    return result;
  }

  /// Goes on to the next kept block, or adds one that holds `bytes`. What is left of the present one stays
  /// unused.
  void open_block(size_t bytes) {
    if (opened == more.size()) more.emplace_back(std::max(bytes, kNextBlock));
    const Block& block = more[opened++];
    next = block.data.get();
    end = next + block.size;
  }

  void reset() {
    others.reset();
    spellings.clear();
    reason = {};
    next = first;
    end = first + kFirstBlock;
    opened = 0;
    size_t kept = 0;
    const auto over = std::find_if(more.begin(), more.end(), [&](const Block& block) {
      kept += block.size;
      return kept > kKeptBytes;
    });
    more.erase(over, more.end());
  }

  char* next = first;
  char* end = first + kFirstBlock;
  size_t opened = 0;
  std::vector<Block> more;
  std::optional<HeaderCase::Style> others;
  std::vector<std::string_view> spellings;  // as they came: few, and seldom wanted
  std::string_view reason;
  char first[kFirstBlock];
};

HeaderMap::HeaderMap() { clear_index(); }
HeaderMap::~HeaderMap() = default;

HeaderMap::HeaderMap(const HeaderMap& other) : HeaderMap() { *this = other; }

HeaderMap& HeaderMap::operator=(const HeaderMap& other) {
  if (this == &other) return *this;
  clear();
  fields_.reserve(other.fields_.size());
  for (const Field& field : other.fields_) {
    const std::string_view name = field.id == HeaderId::kOther ? store(field.name) : header_name(field.id);
    fields_.push_back({name, store(field.value), field.id});
  }
  std::memcpy(index_, other.index_, sizeof(index_));
  if (other.style_of_others()) {
    keep_spellings(*other.style_of_others());
    for (const std::string_view name : other.arena_->spellings) keep_spelling(name);
    keep_reason(other.reason());
  }
  return *this;
}

HeaderMap::HeaderMap(HeaderMap&& other) noexcept : HeaderMap() { *this = std::move(other); }

HeaderMap& HeaderMap::operator=(HeaderMap&& other) noexcept {
  if (this == &other) return *this;
  fields_ = std::move(other.fields_);
  arena_ = std::move(other.arena_);
  std::memcpy(index_, other.index_, sizeof(index_));
  other.fields_.clear();
  other.clear_index();
  return *this;
}

void HeaderMap::swap(HeaderMap& other) noexcept {
  fields_.swap(other.fields_);
  arena_.swap(other.arena_);
  // As blocks: swapping the array would go entry by entry, several times a request.
  uint16_t index[kKnownHeaders];
  std::memcpy(index, index_, sizeof(index_));
  std::memcpy(index_, other.index_, sizeof(index_));
  std::memcpy(other.index_, index, sizeof(index_));
}

void HeaderMap::add(std::string_view name, std::string_view value) {
  const HeaderId id = header_id(name);
  add_reference(id, id == HeaderId::kOther ? store(name) : header_name(id), store(value));
}

void HeaderMap::add(HeaderId id, std::string_view value) { add_reference(id, header_name(id), store(value)); }

void HeaderMap::add(HeaderId id, uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
  add(id, std::string_view(digits, static_cast<size_t>(end - digits)));
}

void HeaderMap::add_reference(HeaderId id, std::string_view name, std::string_view value) {
  assert(!name.empty());
  assert(fields_.size() < kAbsent);
  if (fields_.capacity() == 0) fields_.reserve(16);
  if (!is_pseudo(id) || fields_.empty() || is_pseudo(fields_.back().id)) {
    note(id, fields_.size());
    fields_.push_back({name, value, id});
    return;
  }
  // A late pseudo header: it goes behind the other ones, in front of all ordinary fields.
  const auto place =
      std::find_if(fields_.begin(), fields_.end(), [](const Field& field) { return !is_pseudo(field.id); });
  fields_.insert(place, {name, value, id});
  rebuild_index();
}

void HeaderMap::set(std::string_view name, std::string_view value) {
  const HeaderId id = header_id(name);
  if (id != HeaderId::kOther) return set(id, value);
  const auto same = [&](const Field& field) { return field.id == HeaderId::kOther && field.name == name; };
  const auto first = std::find_if(fields_.begin(), fields_.end(), same);
  if (first == fields_.end()) return add_reference(id, store(name), store(value));
  first->value = store(value);
  bool kept = false;
  remove_if([&](const Field& field) { return same(field) && std::exchange(kept, true); });
}

void HeaderMap::set(HeaderId id, std::string_view value) {
  assert(id != HeaderId::kOther);
  const uint16_t position = index_[static_cast<size_t>(id)];
  if (position == kAbsent) return add(id, value);
  fields_[position].value = store(value);
  const auto is_same = [id](const Field& field) { return field.id == id; };
  if (std::none_of(fields_.begin() + position + 1, fields_.end(), is_same)) return;
  bool kept = false;
  remove_if([&](const Field& field) { return field.id == id && std::exchange(kept, true); });
}

void HeaderMap::set(HeaderId id, uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
  set(id, std::string_view(digits, static_cast<size_t>(end - digits)));
}

size_t HeaderMap::remove(std::string_view name) {
  const HeaderId id = header_id(name);
  if (id != HeaderId::kOther) return remove(id);
  const size_t before = fields_.size();
  remove_if([&](const Field& field) { return field.id == HeaderId::kOther && field.name == name; });
  return before - fields_.size();
}

size_t HeaderMap::remove(HeaderId id) {
  assert(id != HeaderId::kOther);
  if (!has(id)) return 0;
  const size_t before = fields_.size();
  remove_if([&](const Field& field) { return field.id == id; });
  return before - fields_.size();
}

std::optional<std::string_view> HeaderMap::get(HeaderId id) const {
  assert(id != HeaderId::kOther);
  const uint16_t position = index_[static_cast<size_t>(id)];
  if (position == kAbsent) return std::nullopt;
  return fields_[position].value;
}

std::optional<std::string_view> HeaderMap::get(std::string_view name) const {
  const HeaderId id = header_id(name);
  if (id != HeaderId::kOther) return get(id);
  for (const Field& field : fields_) {
    if (field.id == HeaderId::kOther && field.name == name) return field.value;
  }
  return std::nullopt;
}

std::string_view HeaderMap::value_of(HeaderId id) const { return get(id).value_or(std::string_view{}); }

uint16_t HeaderMap::status() const {
  const std::string_view text = value_of(HeaderId::kStatus);
  uint16_t status = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), status);
  return error == std::errc{} && end == text.data() + text.size() ? status : 0;
}

size_t HeaderMap::byte_size() const {
  size_t total = 0;
  for (const Field& field : fields_) total += field.name.size() + field.value.size();
  return total;
}

void HeaderMap::keep_spellings(HeaderCase::Style others) {
  allocate(0);  // there is an arena from now on
  arena_->others = others;
}

std::optional<HeaderCase::Style> HeaderMap::style_of_others() const {
  return arena_ ? arena_->others : std::nullopt;
}

void HeaderMap::keep_spelling(std::string_view name) {
  const std::string_view kept = store(name);
  arena_->spellings.push_back(kept);
}

std::string_view HeaderMap::spelling(std::string_view lower_case_name) const {
  if (!arena_) return {};
  for (const std::string_view kept : arena_->spellings) {
    if (equals_folded(kept, lower_case_name)) return kept;
  }
  return {};
}

void HeaderMap::keep_reason(std::string_view reason) {
  if (!reason.empty()) {
    const std::string_view kept = store(reason);
    arena_->reason = kept;
  }
}

std::string_view HeaderMap::reason() const { return arena_ ? arena_->reason : std::string_view{}; }

std::string_view HeaderMap::store(std::string_view bytes) {
  if (bytes.empty()) return {};
  char* const place = allocate(bytes.size());
  std::memcpy(place, bytes.data(), bytes.size());
  return {place, bytes.size()};
}

char* HeaderMap::allocate(size_t size) {
  if (!arena_) arena_.reset(new Arena);  // not make_unique: that would zero the first block
  return arena_->allocate(size);
}

void HeaderMap::clear() {
  if (!fields_.empty()) {
    fields_.clear();
    clear_index();
  }
  if (arena_) arena_->reset();
}

void HeaderMap::rebuild_index() {
  clear_index();
  for (size_t i = 0; i < fields_.size(); ++i) note(fields_[i].id, i);
}

void HeaderMap::note(HeaderId id, size_t position) {
  if (id == HeaderId::kOther) return;
  auto& slot = index_[static_cast<size_t>(id)];
  if (slot == kAbsent) slot = static_cast<uint16_t>(position);
}

}  // namespace remora

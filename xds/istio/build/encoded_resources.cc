#include "istio/build/encoded_resources.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "istio/build/hash_bytes.h"

namespace remora::istio {
namespace {

constexpr size_t kMaxPiece = 128;

bool precedes(const EncodedResources::Entry& entry, std::string_view name) { return entry.first < name; }

size_t place_in(const EncodedResources::Piece& piece, std::string_view name) {
  return static_cast<size_t>(std::lower_bound(piece.begin(), piece.end(), name, precedes) - piece.begin());
}

bool has_at(const EncodedResources::Piece& piece, size_t entry, std::string_view name) {
  return entry < piece.size() && piece[entry].first == name;
}

/// What a resource adds to the sum of its set. Its bytes hold its name, but for secrets.
uint64_t share_of(const EncodedResource& resource) {
  return hash_bytes({reinterpret_cast<const char*>(&resource.hash), sizeof(resource.hash)},
                    hash_bytes(resource.name));
}

/// A place in a set that is compared, and which of its pieces begins there.
struct Walk {
  const EncodedResources::Entry* entry() const {
    return piece < pieces.size() ? &(*pieces[piece])[at] : nullptr;
  }
  bool at_begin() const { return at == 0 && piece < pieces.size(); }
  void next() {
    if (++at == pieces[piece]->size()) next_piece();
  }
  void next_piece() {
    ++piece;
    at = 0;
  }

  const std::vector<std::shared_ptr<EncodedResources::Piece>>& pieces;
  size_t piece = 0;
  size_t at = 0;
};

}  // namespace

std::string version_text(uint64_t hash) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(hash));
  return text.data();
}

EncodedResources::Iterator& EncodedResources::Iterator::operator++() {
  if (++entry_ == (*pieces_)[piece_]->size()) {
    ++piece_;
    entry_ = 0;
  }
  return *this;
}

EncodedResources::Iterator EncodedResources::Iterator::operator++(int) {
  const Iterator before = *this;
  ++*this;
  return before;
}

/// The piece that has the name, or that it belongs into.
size_t EncodedResources::piece_for(std::string_view name) const {
  const auto after = std::upper_bound(
      pieces_.begin(), pieces_.end(), name,
      [](std::string_view wanted, const auto& piece) { return wanted < piece->front().first; });
  return after == pieces_.begin() ? 0 : static_cast<size_t>(after - pieces_.begin()) - 1;
}

EncodedResources::Iterator EncodedResources::find(std::string_view name) const {
  if (empty()) return end();
  const size_t piece = piece_for(name);
  const size_t entry = place_in(*pieces_[piece], name);
  return has_at(*pieces_[piece], entry, name) ? Iterator(pieces_, piece, entry) : end();
}

EncodedResources::Iterator EncodedResources::from(std::string_view name) const {
  if (empty()) return end();
  const size_t piece = piece_for(name);
  const size_t entry = place_in(*pieces_[piece], name);
  return entry < pieces_[piece]->size() ? Iterator(pieces_, piece, entry) : Iterator(pieces_, piece + 1, 0);
}

const EncodedResourcePtr& EncodedResources::get(std::string_view name) const {
  static const EncodedResourcePtr kNone;
  const auto found = find(name);
  return found == end() ? kNone : found->second;
}

EncodedResources::Piece& EncodedResources::own(size_t piece) {
  auto& place = pieces_[piece];
  if (place.use_count() > 1) place = std::make_shared<Piece>(*place);
  return *place;
}

void EncodedResources::insert(size_t piece, size_t entry, EncodedResourcePtr resource) {
  sum_ += share_of(*resource);
  ++size_;
  if (pieces_.empty()) pieces_.push_back(std::make_shared<Piece>());
  const bool at_the_end = piece + 1 >= pieces_.size() && entry == pieces_.back()->size();
  if (at_the_end && entry == kMaxPiece) {  // mostly they come in their order: then pieces are full
    pieces_.push_back(std::make_shared<Piece>());
    ++piece;
    entry = 0;
  }
  Piece& into = own(piece);
  const std::string_view name = resource->name;
  into.insert(into.begin() + static_cast<std::ptrdiff_t>(entry), Entry{name, std::move(resource)});
  if (into.size() <= kMaxPiece) return;
  const auto middle = into.begin() + kMaxPiece / 2;
  auto second = std::make_shared<Piece>(middle, into.end());
  into.erase(middle, into.end());
  pieces_.insert(pieces_.begin() + static_cast<std::ptrdiff_t>(piece) + 1, std::move(second));
}

void EncodedResources::put(EncodedResourcePtr resource) {
  const size_t piece = piece_for(resource->name);
  const size_t entry = empty() ? 0 : place_in(*pieces_[piece], resource->name);
  if (empty() || !has_at(*pieces_[piece], entry, resource->name))
    return insert(piece, entry, std::move(resource));
  Entry& place = own(piece)[entry];
  sum_ += share_of(*resource) - share_of(*place.second);
  place.first = resource->name;  // the name is that of the resource which is there from now on
  place.second = std::move(resource);
}

void EncodedResources::add(EncodedResourcePtr resource) {
  if (!contains(resource->name)) put(std::move(resource));
}

bool EncodedResources::erase(std::string_view name) {
  if (empty()) return false;
  const size_t piece = piece_for(name);
  const size_t entry = place_in(*pieces_[piece], name);
  if (!has_at(*pieces_[piece], entry, name)) return false;
  sum_ -= share_of(*(*pieces_[piece])[entry].second);
  --size_;
  if (pieces_[piece]->size() == 1) {
    pieces_.erase(pieces_.begin() + static_cast<std::ptrdiff_t>(piece));
    return true;
  }
  Piece& from = own(piece);
  from.erase(from.begin() + static_cast<std::ptrdiff_t>(entry));
  return true;
}

void EncodedResources::compare(const EncodedResources& before, const EncodedResources& now,
                               const Difference& differs) {
  Walk old{before.pieces_}, fresh{now.pieces_};
  while (old.entry() != nullptr || fresh.entry() != nullptr) {
    if (old.at_begin() && fresh.at_begin() && old.pieces[old.piece] == fresh.pieces[fresh.piece]) {
      old.next_piece();
      fresh.next_piece();
      continue;
    }
    const Entry* was = old.entry();
    const Entry* is = fresh.entry();
    if (is == nullptr || (was != nullptr && was->first < is->first)) {
      differs(was->second, nullptr);
      old.next();
    } else if (was == nullptr || is->first < was->first) {
      differs(nullptr, is->second);
      fresh.next();
    } else {
      if (was->second != is->second && was->second->hash != is->second->hash)
        differs(was->second, is->second);
      old.next();
      fresh.next();
    }
  }
}

void EncodedResources::share_with(const EncodedResources& before) {
  EncodedResources shared = before;
  compare(before, *this, [&](const EncodedResourcePtr& was, const EncodedResourcePtr& is) {
    if (is != nullptr) {
      shared.put(is);
    } else {
      shared.erase(was->name);
    }
  });
  *this = std::move(shared);
}

}  // namespace remora::istio

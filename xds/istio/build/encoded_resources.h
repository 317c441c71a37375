#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace remora::istio {

/// A resource as bytes, made once and sent to every stream that wants it.
struct EncodedResource {
  std::string name;
  std::string any;    ///< a serialized google.protobuf.Any
  uint64_t hash = 0;  ///< of `any`
};

using EncodedResourcePtr = std::shared_ptr<const EncodedResource>;

/// `hash` as text: the version of one resource. Equal resources have equal versions, also after a restart.
std::string version_text(uint64_t hash);

/// Resources by name, in its order. Every stream and every snapshot has thousands of them, and nearly all are
/// alike: so they lie in pieces that copies share. To copy, to change one and to compare two that came from
/// each other costs what differs and a word for each piece. Names are those in the resources. One thread at a
/// time for all copies of one set.
class EncodedResources {
 public:
  using Entry = std::pair<std::string_view, EncodedResourcePtr>;
  using Piece = std::vector<Entry>;

  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = Entry;
    using difference_type = std::ptrdiff_t;
    using pointer = const Entry*;
    using reference = const Entry&;

    Iterator() = default;
    reference operator*() const { return (*(*pieces_)[piece_])[entry_]; }
    pointer operator->() const { return &**this; }
    Iterator& operator++();
    Iterator operator++(int);
    bool operator==(const Iterator& other) const { return piece_ == other.piece_ && entry_ == other.entry_; }

   private:
    friend class EncodedResources;
    Iterator(const std::vector<std::shared_ptr<Piece>>& pieces, size_t piece, size_t entry)
        : pieces_(&pieces),
          piece_(piece),
          entry_(entry) {}

    const std::vector<std::shared_ptr<Piece>>* pieces_ = nullptr;
    size_t piece_ = 0;
    size_t entry_ = 0;
  };

  Iterator begin() const { return {pieces_, 0, 0}; }
  Iterator end() const { return {pieces_, pieces_.size(), 0}; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// Of names and contents, in any order: equal sets have equal sums.
  uint64_t sum() const { return sum_; }

  Iterator find(std::string_view name) const;
  /// The first that is not before `name`.
  Iterator from(std::string_view name) const;
  bool contains(std::string_view name) const { return get(name) != nullptr; }
  /// Null where there is none.
  const EncodedResourcePtr& get(std::string_view name) const;

  /// Puts it in, in place of the one of its name.
  void put(EncodedResourcePtr resource);
  /// Puts it in unless there is one of its name.
  void add(EncodedResourcePtr resource);
  /// Whether it was there.
  bool erase(std::string_view name);
  void clear() { *this = {}; }

  /// What differs between two sets, by name: what each has, null for nothing.
  using Difference = std::function<void(const EncodedResourcePtr& before, const EncodedResourcePtr& now)>;
  static void compare(const EncodedResources& before, const EncodedResources& now, const Difference& differs);

  /// Takes from `before` what is equal there, so that both share it. What is here stays the same.
  void share_with(const EncodedResources& before);

 private:
  size_t piece_for(std::string_view name) const;
  Piece& own(size_t piece);
  void insert(size_t piece, size_t entry, EncodedResourcePtr resource);

  std::vector<std::shared_ptr<Piece>> pieces_;  // none empty; changed only where nobody else has them
  size_t size_ = 0;
  uint64_t sum_ = 0;
};

}  // namespace remora::istio

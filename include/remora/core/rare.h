#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

namespace remora {

/// An optional for what is seldom there: while it is empty it costs a pointer. Copies are deep, so it is a
/// value like std::optional, with the same words.
template <typename T>
class Rare {
 public:
  Rare() = default;
  Rare(T value) : value_(std::make_unique<T>(std::move(value))) {}  // NOLINT: as std::optional
  Rare(const Rare& other) : value_(other ? std::make_unique<T>(*other) : nullptr) {}
  Rare(Rare&&) noexcept = default;
  Rare& operator=(const Rare& other) {
    if (this != &other) value_ = other ? std::make_unique<T>(*other) : nullptr;
    return *this;
  }
  Rare& operator=(Rare&&) noexcept = default;
  ~Rare() = default;

  template <typename... Args>
  T& emplace(Args&&... args) {
    value_ = std::make_unique<T>(T{std::forward<Args>(args)...});
    return *value_;
  }
  void reset() { value_.reset(); }

  explicit operator bool() const { return value_ != nullptr; }
  [[nodiscard]] bool has_value() const { return value_ != nullptr; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return value_.get(); }
  const T* operator->() const { return value_.get(); }
  /// Null where it is empty.
  [[nodiscard]] const T* get() const { return value_.get(); }

 private:
  std::unique_ptr<T> value_;
};

/// A value that is seldom other than its type's default: while it is the default it costs a pointer. Reads as
/// a pointer does and is never null; `edit` gives it a copy of its own to be changed.
template <typename T>
class RareValue {
 public:
  RareValue() = default;
  RareValue(T value) {  // NOLINT: as the value itself
    if (!(value == kDefault)) own_ = std::move(value);
  }

  const T& operator*() const { return own_ ? *own_ : kDefault; }
  const T* operator->() const { return &**this; }
  operator const T&() const { return **this; }  // NOLINT: as the value itself
  T& edit() {
    if (!own_) own_.emplace();
    return *own_;
  }

 private:
  inline static const T kDefault{};
  Rare<T> own_;
};

/// A list that is seldom anything but empty: while it is, it costs a pointer instead of a vector's three.
/// Copies are deep; the words are the vector's.
template <typename T>
class RareList {
 public:
  using value_type = T;

  RareList() = default;
  RareList(std::vector<T> list) {  // NOLINT: as the vector itself
    if (!list.empty()) list_ = std::move(list);
  }
  RareList(std::initializer_list<T> list) : RareList(std::vector<T>(list)) {}

  [[nodiscard]] bool empty() const { return !list_ || list_->empty(); }
  [[nodiscard]] size_t size() const { return list_ ? list_->size() : 0; }
  T& operator[](size_t number) { return (*list_)[number]; }
  const T& operator[](size_t number) const { return (*list_)[number]; }
  T& at(size_t number) { return edit().at(number); }
  [[nodiscard]] const T& at(size_t number) const { return list().at(number); }
  T& front() { return list_->front(); }
  [[nodiscard]] const T& front() const { return list_->front(); }
  T& back() { return list_->back(); }
  [[nodiscard]] const T& back() const { return list_->back(); }

  T* begin() { return list_ ? list_->data() : nullptr; }
  T* end() { return begin() + size(); }
  [[nodiscard]] const T* begin() const { return list_ ? list_->data() : nullptr; }
  [[nodiscard]] const T* end() const { return begin() + size(); }

  void push_back(T value) { edit().push_back(std::move(value)); }
  template <typename... Args>
  T& emplace_back(Args&&... args) {
    return edit().emplace_back(std::forward<Args>(args)...);
  }
  void resize(size_t size) { edit().resize(size); }
  void clear() { list_.reset(); }

  /// For whoever takes a vector.
  [[nodiscard]] const std::vector<T>& list() const { return list_ ? *list_ : kEmpty; }
  operator const std::vector<T>&() const { return list(); }  // NOLINT: as the vector itself
  /// To change it in ways that are not here.
  std::vector<T>& edit() {
    if (!list_) list_.emplace();
    return *list_;
  }

  bool operator==(const RareList& other) const { return list() == other.list(); }

 private:
  inline static const std::vector<T> kEmpty{};
  Rare<std::vector<T>> list_;
};

}  // namespace remora

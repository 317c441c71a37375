#pragma once

#include <cstdint>
#include <utility>

namespace remora {

/// Reference counting without atomics, for objects that live and die on one worker. Exchanges in flight hold
/// on to the configuration they began with this way, so that an update never pulls it from under them.
class LocalCounted {
 public:
  virtual ~LocalCounted() = default;

 private:
  template <typename T>
  friend class LocalRef;
  uint32_t references_ = 0;
};

template <typename T>
class LocalRef {
 public:
  LocalRef() = default;
  explicit LocalRef(T* object) : object_(object) { retain(); }
  LocalRef(const LocalRef& other) : object_(other.object_) { retain(); }
  LocalRef(LocalRef&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  LocalRef& operator=(LocalRef other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~LocalRef() { reset(); }

  void reset() {
    auto* object = std::exchange(object_, nullptr);
    if (object != nullptr && --counted(object)->references_ == 0) delete object;
  }
  [[nodiscard]] T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  static LocalCounted* counted(T* object) { return object; }
  void retain() {
    if (object_ != nullptr) ++counted(object_)->references_;
  }
  T* object_ = nullptr;
};

}  // namespace remora

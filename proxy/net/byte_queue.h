#pragma once

#include <cstddef>
#include <string_view>

namespace remora {

/// Bytes in, bytes out, contiguous. An empty queue holds no memory: blocks of the common size go back to a
/// per-thread stock, so that idle connections cost nothing and busy ones allocate nothing in steady state.
class ByteQueue {
 public:
  ByteQueue() = default;
  ~ByteQueue() { release(); }
  ByteQueue(const ByteQueue&) = delete;
  ByteQueue& operator=(const ByteQueue&) = delete;

  void append(std::string_view bytes);
  /// Room for at least `size` bytes; commit() what was written into it.
  char* reserve(size_t size);
  void commit(size_t size) { end_ += size; }
  void consume(size_t size);
  void clear() { consume(size()); }

  [[nodiscard]] std::string_view view() const { return {data_ + begin_, end_ - begin_}; }
  [[nodiscard]] size_t size() const { return end_ - begin_; }
  [[nodiscard]] bool empty() const { return begin_ == end_; }

  static constexpr size_t kBlockBytes = 16 * 1024;

 private:
  void release();

  char* data_ = nullptr;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace remora

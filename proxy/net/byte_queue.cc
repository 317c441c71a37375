#include "net/byte_queue.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

namespace remora {
namespace {

/// Blocks of ByteQueue::kBlockBytes waiting for their next use on this thread.
class BlockStock {
 public:
  ~BlockStock() {
    for (char* block : blocks_) std::free(block);
  }
  char* take() {
    if (blocks_.empty()) return allocate(ByteQueue::kBlockBytes);
    char* block = blocks_.back();
    blocks_.pop_back();
    return block;
  }
  void give(char* block) {
    if (blocks_.size() < kMaxBlocks) {
      blocks_.push_back(block);
    } else {
      std::free(block);
    }
  }
  static char* allocate(size_t size) {
    auto* block = static_cast<char*>(std::malloc(size));
    if (block == nullptr) throw std::bad_alloc();
    return block;
  }

 private:
  static constexpr size_t kMaxBlocks = 256;  // 4 MiB a thread
  std::vector<char*> blocks_;
};

thread_local BlockStock stock;

}  // namespace

void ByteQueue::append(std::string_view bytes) {
  if (bytes.empty()) return;
  std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
  commit(bytes.size());
}

char* ByteQueue::reserve(size_t size) {
  if (capacity_ - end_ >= size) return data_ + end_;
  const size_t used = this->size();
  if (capacity_ - used >= size && begin_ >= used) {
    std::memcpy(data_, data_ + begin_, used);
  } else {
    const size_t wanted = std::max({used + size, capacity_ * 2, kBlockBytes});
    char* grown = wanted == kBlockBytes ? stock.take() : BlockStock::allocate(wanted);
    if (used > 0) std::memcpy(grown, data_ + begin_, used);
    release();
    data_ = grown;
    capacity_ = wanted;
  }
  begin_ = 0;
  end_ = used;
  return data_ + end_;
}

void ByteQueue::consume(size_t size) {
  begin_ += size;
  if (begin_ == end_) release();
}

void ByteQueue::release() {
  if (data_ == nullptr) return;
  if (capacity_ == kBlockBytes) {
    stock.give(data_);
  } else {
    std::free(data_);
  }
  data_ = nullptr;
  capacity_ = begin_ = end_ = 0;
}

}  // namespace remora

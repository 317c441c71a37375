#include "http/h2_memory.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace remora {
namespace {

constexpr size_t kSmallest = 32;
constexpr size_t kClasses = 7;             // 32 bytes to 2 KiB
constexpr size_t kKeptBytes = 512 * 1024;  // of each class

/// Stands before each piece.
struct alignas(std::max_align_t) Block {
  size_t room;  // bytes behind it
  Block* next;  // while in stock
};

size_t class_of(size_t size) {
  return size <= kSmallest ? 0 : static_cast<size_t>(std::bit_width((size - 1) / kSmallest));
}

class Stock {
 public:
  Stock() = default;
  ~Stock() {
    for (auto& shelf : shelves_) {
      while (shelf.first != nullptr) std::free(take(shelf));
    }
  }
  Stock(const Stock&) = delete;
  Stock& operator=(const Stock&) = delete;

  Block* get(size_t size) {
    const size_t index = class_of(size);
    const size_t room = index < kClasses ? kSmallest << index : size;
    if (index < kClasses && shelves_[index].first != nullptr) return take(shelves_[index]);
    auto* block = static_cast<Block*>(std::malloc(sizeof(Block) + room));
    if (block != nullptr) block->room = room;
    return block;
  }

  void put(Block* block) {
    const size_t index = class_of(block->room);
    if (index >= kClasses || shelves_[index].bytes + block->room > kKeptBytes) {
      std::free(block);
      return;
    }
    auto& shelf = shelves_[index];
    block->next = shelf.first;
    shelf.first = block;
    shelf.bytes += block->room;
  }

 private:
  struct Shelf {
    Block* first = nullptr;
    size_t bytes = 0;
  };
  static Block* take(Shelf& shelf) {
    auto* block = shelf.first;
    shelf.first = block->next;
    shelf.bytes -= block->room;
    return block;
  }

  std::array<Shelf, kClasses> shelves_;
};

Stock& stock() {
  thread_local Stock mine;
  return mine;
}

Block* block_of(void* piece) { return static_cast<Block*>(piece) - 1; }

void* allocate(size_t size, void* /*user*/) {
  auto* block = stock().get(size);
  return block == nullptr ? nullptr : block + 1;
}

void release(void* piece, void* /*user*/) {
  if (piece != nullptr) stock().put(block_of(piece));
}

void* allocate_zeroed(size_t count, size_t size, void* user) {
  if (size != 0 && count > SIZE_MAX / size) return nullptr;
  auto* piece = allocate(count * size, user);
  if (piece != nullptr) std::memset(piece, 0, count * size);
  return piece;
}

void* reallocate(void* piece, size_t size, void* user) {
  if (piece == nullptr) return allocate(size, user);
  const size_t room = block_of(piece)->room;
  if (size <= room) return piece;
  auto* larger = allocate(size, user);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, piece, room);
  release(piece, user);
  return larger;
}

}  // namespace

nghttp2_mem* h2_memory() {
  static nghttp2_mem memory{nullptr, allocate, release, allocate_zeroed, reallocate};
  return &memory;
}

}  // namespace remora

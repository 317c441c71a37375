#include "admin/process_memory.h"

#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

namespace remora {
namespace {

// The second number of /proc/self/statm: resident pages.
uint64_t resident_bytes() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/statm", "re"),
                                                             &std::fclose);
  unsigned long long size = 0;
  unsigned long long resident = 0;
  if (file == nullptr || std::fscanf(file.get(), "%llu %llu", &size, &resident) != 2) return 0;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

ProcessMemory process_memory() {
  const struct mallinfo2 heap = mallinfo2();
  return {.allocated = heap.uordblks + heap.hblkhd,
          .heap_size = heap.arena + heap.hblkhd,
          .heap_free = heap.fordblks,
          .resident = resident_bytes()};
}

}  // namespace remora

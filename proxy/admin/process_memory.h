#pragma once

#include <cstdint>

namespace remora {

/// The memory of this process, in bytes, as the allocator and the kernel count it. Costs some microseconds.
struct ProcessMemory {
  uint64_t allocated = 0;  ///< in use by the program
  uint64_t heap_size = 0;  ///< held by the allocator
  uint64_t heap_free = 0;  ///< of that, free
  uint64_t resident = 0;   ///< in physical memory
};
ProcessMemory process_memory();

}  // namespace remora

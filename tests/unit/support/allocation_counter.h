#pragma once

#include <cstddef>

namespace remora::test {

/// How often this thread has called operator new so far. Link allocation_counter.cc, which replaces the
/// global one.
size_t allocations();

}  // namespace remora::test

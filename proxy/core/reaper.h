#pragma once

#include <functional>

namespace remora {

/// Runs `release`, which frees something large, on a thread that does nothing else: to free a table of 100 MB
/// takes a good part of a second, and whoever drops it last may be a worker. In the order of the calls; the
/// process ends when all of it is freed. `release` says whether that was so much that it should go back to
/// the system. Any thread.
void free_elsewhere(std::function<bool()> release);

}  // namespace remora

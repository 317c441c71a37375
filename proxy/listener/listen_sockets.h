#pragma once

#include <cstddef>
#include <vector>

#include "remora/config/listener.h"
#include "remora/core/result.h"

namespace remora {

/// Binds the addresses of `config`, one listening, non-blocking socket per worker and address. Returns them
/// by worker; `bound` gets the addresses with the ports that the kernel chose, the listener's own first.
/// Error: an address cannot be bound; nothing stays open.
Result<std::vector<std::vector<int>>> bind_listener(const ListenerConfig& config, size_t workers,
                                                    std::vector<Address>& bound);

}  // namespace remora

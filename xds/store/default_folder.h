#pragma once

#include <string>

namespace remora::store {

/// Where the store lies if nobody says: what users keep for themselves lies below their home
/// ($XDG_STATE_HOME/remora-control, else ~/.local/state/remora-control).
std::string default_folder();

}  // namespace remora::store

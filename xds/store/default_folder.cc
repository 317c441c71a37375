#include "store/default_folder.h"

#include <cstdlib>

namespace remora::store {

std::string default_folder() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') return std::string(state) + "/remora-control";
  const char* home = std::getenv("HOME");
  return home == nullptr ? "/var/lib/remora-control" : std::string(home) + "/.local/state/remora-control";
}

}  // namespace remora::store

#include "control_plane/private_folder.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace remora::xds {

Result<std::unique_ptr<PrivateFolder>> PrivateFolder::make() {
  const char* given = std::getenv("TMPDIR");
  std::string tried;
  for (const std::string& parent :
       {std::string(given == nullptr ? "" : given), std::string("/dev/shm"), std::string("/tmp")}) {
    if (parent.empty()) continue;
    std::string path = parent + "/remora-control-XXXXXX";
    if (::mkdtemp(path.data()) != nullptr) return std::unique_ptr<PrivateFolder>(new PrivateFolder(path));
    tried += (tried.empty() ? "" : ", ") + parent + ": " + std::strerror(errno);
  }
  return Error{"no folder for the control plane's own certificate can be made (" + tried + ")"};
}

PrivateFolder::~PrivateFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace remora::xds

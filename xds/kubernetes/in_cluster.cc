#include <fstream>
#include <sstream>

#include "kubernetes/access.h"

namespace remora::kubernetes {
namespace {

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return Error{path + ": cannot be read"};
  return std::move(text).str();
}

}  // namespace

Result<Access> in_cluster(const std::function<const char*(const char*)>& environment,
                          const std::string& folder) {
  const char* host = environment("KUBERNETES_SERVICE_HOST");
  const char* port = environment("KUBERNETES_SERVICE_PORT");
  if (host == nullptr || *host == 0 || port == nullptr || *port == 0) {
    return Error{"this is no pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set"};
  }
  Access access;
  const std::string name = host;
  const bool is_ipv6 = name.find(':') != std::string::npos;
  access.server = "https://" + (is_ipv6 ? '[' + name + ']' : name) + ':' + port;
  access.ca.file = folder + "/ca.crt";
  access.token_file = folder + "/token";
  for (const std::string& needed : {access.ca.file, access.token_file}) {
    if (const auto text = read_file(needed); !text.ok()) return Error{text.error()};
  }
  if (auto ns = read_file(folder + "/namespace"); ns.ok()) {
    access.ns = ns->substr(0, ns->find_first_of(" \r\n"));
  }
  return access;
}

}  // namespace remora::kubernetes

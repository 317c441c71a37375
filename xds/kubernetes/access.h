#pragma once

#include <functional>
#include <string>

#include "remora/core/result.h"

namespace remora::kubernetes {

/// A PEM text, or the file that has it. Files are read again when they change.
struct Pem {
  std::string file;
  std::string text;  ///< counts where `file` is empty

  bool empty() const { return file.empty() && text.empty(); }
};

/// Where an API server is, and who we are there.
struct Access {
  std::string server;       ///< "https://HOST:PORT", perhaps with a path
  std::string server_name;  ///< the name its certificate must have, where that is not the host
  Pem ca;                   ///< empty: the system's authorities
  bool verify = true;
  Pem certificate;  ///< ours, with its chain
  Pem private_key;
  std::string token;
  std::string token_file;  ///< counts more than `token`
  std::string ns;          ///< the context's, or the pod's, namespace; may be empty
};

/// What a kubeconfig file says about one of its contexts; about the current one where `context` is empty.
/// What it asks for and is not done here (exec plugins, auth providers, passwords, impersonation, proxies) is
/// an error that names the field. Paths in it begin at the file's folder.
Result<Access> read_kubeconfig(const std::string& path, const std::string& context);

/// What Kubernetes gives every pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, and the files of its
/// service account below `folder`.
inline constexpr const char* kServiceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";
Result<Access> in_cluster(const std::function<const char*(const char*)>& environment,
                          const std::string& folder = kServiceAccountFolder);

}  // namespace remora::kubernetes

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "identity/certificate_authority.h"

namespace remora::identity {

/// Secrets that all replicas of the control plane see: Kubernetes' own, in one namespace. Control thread
/// only.
class SecretKeeper {
 public:
  using Fields = std::map<std::string, std::string>;  ///< decoded
  virtual ~SecretKeeper() = default;

  /// Nothing where there is no such secret.
  using Fetched = std::function<void(Result<std::optional<Fields>>)>;
  virtual void fetch(const std::string& name, Fetched done) = 0;
  /// False where there is one of this name already: then nothing has changed.
  using Created = std::function<void(Result<bool>)>;
  virtual void create(const std::string& name, const std::string& type, const Fields& fields,
                      Created done) = 0;
  /// "secret istio-system/NAME", for messages.
  virtual std::string place(const std::string& name) const = 0;
};

/// The authority of a mesh whose control plane has replicas, as Istio keeps it: what the operator has put
/// into the secret `cacerts` (ca-cert.pem, ca-key.pem, root-cert.pem, cert-chain.pem), else the root of our
/// own in `istio-ca-secret`. That is made where it is missing, unless `if_missing` says otherwise, once: of
/// replicas that make it at the same time one is first, and the others take what it has made. `keeper`
/// outlives the call. An error names the secret.
void open_shared_authority(
    SecretKeeper& keeper, std::string trust_domain,
    std::function<void(Result<std::unique_ptr<CertificateAuthority>>)> done,
    CertificateAuthority::IfMissing if_missing = CertificateAuthority::IfMissing::kMake);

}  // namespace remora::identity

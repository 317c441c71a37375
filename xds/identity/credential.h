#pragma once

#include <map>
#include <string>

#include "istio/build/encoded_resources.h"
#include "remora/core/result.h"

// Certificates that come from Kubernetes Secrets, for a gateway's clients.
namespace remora::identity {

/// A Secret's data, decoded.
using SecretFields = std::map<std::string, std::string>;

/// The certificate and key of `fields` (tls.crt and tls.key, or cert and key) as the SDS secret `name`. An
/// error names what is missing, what is no certificate or key, and keys of other certificates.
Result<istio::EncodedResourcePtr> certificate_secret(const std::string& name, const SecretFields& fields);

/// Whom to trust by `fields` (ca.crt or cacert, and ca.crl or crl) as the SDS secret `name`.
Result<istio::EncodedResourcePtr> authority_secret(const std::string& name, const SecretFields& fields);
/// Whether there is such a field at all.
bool has_authority(const SecretFields& fields);

}  // namespace remora::identity

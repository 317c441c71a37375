#include "identity/credential.h"

#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "identity/openssl.h"
#include "istio/build/snapshot.h"

namespace remora::identity {
namespace {

using envoy::extensions::transport_sockets::tls::v3::Secret;

/// The first of `names` that is there and not empty; null for none.
const std::string* find(const SecretFields& fields, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto field = fields.find(name);
    if (field != fields.end() && !field->second.empty()) return &field->second;
  }
  return nullptr;
}

/// Certificate and key: the generic pair where both are there, else Kubernetes' own.
std::pair<const std::string*, const std::string*> find_pair(const SecretFields& fields) {
  const std::string* chain = find(fields, {"cert"});
  const std::string* key = find(fields, {"key"});
  if (chain != nullptr && key != nullptr) return {chain, key};
  return {find(fields, {"tls.crt"}), find(fields, {"tls.key"})};
}

}  // namespace

Result<istio::EncodedResourcePtr> certificate_secret(const std::string& name, const SecretFields& fields) {
  const auto [chain, key] = find_pair(fields);
  if (chain == nullptr || key == nullptr)
    return Error{std::string("has no ") + (chain == nullptr ? "tls.crt" : "tls.key")};
  const auto certificates = certificates_from_pem(*chain);
  if (!certificates.ok()) return Error{"its certificate cannot be read: " + certificates.error().message};
  const auto private_key = key_from_pem(*key);
  if (!private_key.ok()) return Error{"its key cannot be read: " + private_key.error().message};
  if (X509_check_private_key(certificates->front().get(), private_key->get()) != 1) {
    openssl_failure("");
    return Error{"its key is not that of its certificate"};
  }
  Secret secret;
  secret.set_name(name);
  secret.mutable_tls_certificate()->mutable_certificate_chain()->set_inline_bytes(*chain);
  secret.mutable_tls_certificate()->mutable_private_key()->set_inline_bytes(*key);
  return istio::encode_resource(secret, name);
}

bool has_authority(const SecretFields& fields) { return find(fields, {"cacert", "ca.crt"}) != nullptr; }

Result<istio::EncodedResourcePtr> authority_secret(const std::string& name, const SecretFields& fields) {
  const std::string* authority = find(fields, {"cacert", "ca.crt"});
  if (authority == nullptr) return Error{"has no ca.crt"};
  const auto certificates = certificates_from_pem(*authority);
  if (!certificates.ok()) return Error{"its ca.crt cannot be read: " + certificates.error().message};
  Secret secret;
  secret.set_name(name);
  secret.mutable_validation_context()->mutable_trusted_ca()->set_inline_bytes(*authority);
  if (const std::string* revoked = find(fields, {"crl", "ca.crl"}))
    secret.mutable_validation_context()->mutable_crl()->set_inline_bytes(*revoked);
  return istio::encode_resource(secret, name);
}

}  // namespace remora::identity

#include "identity/secrets.h"

#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"

namespace remora::identity {
namespace {

using envoy::extensions::transport_sockets::tls::v3::Secret;

void add(const Secret& secret, istio::ResourceGroup& group) {
  group.resources.add(istio::encode_resource(secret, secret.name()));
}

}  // namespace

istio::ResourceGroup workload_secrets(const Issued& issued, const std::string& root_pem) {
  istio::ResourceGroup group;
  Secret own;
  own.set_name(kWorkloadSecret);
  own.mutable_tls_certificate()->mutable_certificate_chain()->set_inline_bytes(issued.chain_pem);
  own.mutable_tls_certificate()->mutable_private_key()->set_inline_bytes(issued.key_pem);
  add(own, group);
  Secret root;
  root.set_name(kRootSecret);
  root.mutable_validation_context()->mutable_trusted_ca()->set_inline_bytes(root_pem);
  add(root, group);
  group.seal();
  return group;
}

}  // namespace remora::identity

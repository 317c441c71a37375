#include "control_plane/caller.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace remora::xds {
namespace {

std::string property(const grpc::AuthContext& context, const char* name) {
  const auto values = context.FindPropertyValues(name);
  return values.size() == 1 ? std::string(values.front().data(), values.front().size()) : std::string();
}

using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;

std::string bearer_token(const Metadata& metadata) {
  constexpr std::string_view kScheme = "bearer ";
  const auto field = metadata.find("authorization");
  if (field == metadata.end() || field->second.size() <= kScheme.size()) return {};
  const std::string_view value(field->second.data(), field->second.size());
  const bool is_bearer = std::equal(
      kScheme.begin(), kScheme.end(), value.begin(),
      [](char wanted, char given) { return wanted == std::tolower(static_cast<unsigned char>(given)); });
  return is_bearer ? std::string(value.substr(kScheme.size())) : std::string();
}

}  // namespace

bool is_loopback_peer(const std::string& peer) {
  constexpr std::array<std::string_view, 4> kStarts{"ipv4:127.", "ipv6:[::1]:", "ipv6:%5B::1%5D:", "unix:"};
  return std::any_of(kStarts.begin(), kStarts.end(),
                     [&](std::string_view start) { return peer.starts_with(start); });
}

Caller caller_of(const Metadata& metadata, const grpc::AuthContext& context) {
  Caller caller;
  caller.bearer_token = bearer_token(metadata);
  const auto method = metadata.find(":path");
  if (method != metadata.end()) caller.method.assign(method->second.data(), method->second.size());
  const std::string security = property(context, GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME);
  caller.encrypted = security == "tls" || security == "ssl";
  caller.certified = caller.encrypted && !property(context, GRPC_X509_PEM_CERT_PROPERTY_NAME).empty();
  if (caller.certified) caller.certificate = property(context, GRPC_PEER_SPIFFE_ID_PROPERTY_NAME);
  return caller;
}

Caller caller_of(const grpc::ServerContextBase& call) {
  Caller caller = caller_of(call.client_metadata(), *call.auth_context());
  caller.peer = call.peer();
  caller.loopback = is_loopback_peer(caller.peer);
  return caller;
}

}  // namespace remora::xds

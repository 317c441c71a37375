#pragma once

#include <grpcpp/support/string_ref.h>

#include <map>
#include <optional>
#include <string>

#include "kubernetes/token_review.h"

namespace grpc {
class AuthContext;
class ServerContextBase;
}  // namespace grpc

namespace remora::xds {

/// Who is at the other end of a call, as far as the connection itself shows it.
struct Caller {
  std::string peer;  ///< its address, as gRPC writes it
  bool encrypted = false;
  bool loopback = false;  ///< on this machine
  std::string
      certificate;         ///< the SPIFFE ID of its certificate, which the mesh's root has been found to back
  bool certified = false;  ///< it has such a certificate, though perhaps without a SPIFFE ID
  std::string bearer_token;  ///< of `authorization: Bearer TOKEN`; empty: none
  std::string method;        ///< what is called: "/package.Service/Method"; empty where not known
  /// Whom the API server says the token stands for, where it has been asked.
  std::optional<kubernetes::TokenOwner> token_owner;

  bool proves_something() const { return certified || !bearer_token.empty(); }
};

/// While the call lives; from any thread.
Caller caller_of(const grpc::ServerContextBase& call);
/// The same before there is a call; without the address.
Caller caller_of(const std::multimap<grpc::string_ref, grpc::string_ref>& metadata,
                 const grpc::AuthContext& context);

/// Whether an address, as gRPC writes it, is one of this machine's own.
bool is_loopback_peer(const std::string& peer);

}  // namespace remora::xds

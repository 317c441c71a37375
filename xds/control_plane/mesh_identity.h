#pragma once

#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>
#include <string>

#include "control_plane/ads_service.h"
#include "control_plane/authenticator.h"
#include "control_plane/options.h"
#include "control_plane/server_certificate.h"
#include "identity/certificate_authority.h"

namespace remora::xds {

/// All that has to do with who is who: the authority, who may be what, and the control plane's own
/// certificate. Control thread only.
class MeshIdentity {
 public:
  /// Null where the options give nobody a way to prove who they are: then no authority is needed, and none is
  /// made. `folder` is where an authority of our own lies unless the options say otherwise.
  static Result<std::unique_ptr<MeshIdentity>> open(boost::asio::io_context& context, const Options& options,
                                                    const std::string& folder);

  Identities identities() const { return {authenticator_, *authority_, lifetime_}; }
  const identity::CertificateAuthority& authority() const { return *authority_; }

  /// Begins to keep a certificate for `address`; gives what gRPC serves TLS with: every call proves, by a
  /// certificate or a token, that it belongs to the mesh.
  Result<std::shared_ptr<grpc::ServerCredentials>> server_credentials(const std::string& address);

 private:
  MeshIdentity(boost::asio::io_context& context, const Options& options, std::string folder,
               std::unique_ptr<identity::CertificateAuthority> authority);

  std::unique_ptr<identity::CertificateAuthority> authority_;
  Authenticator authenticator_;
  std::chrono::seconds lifetime_;
  std::vector<std::string> server_names_;
  ServerCertificate certificate_;
};

}  // namespace remora::xds

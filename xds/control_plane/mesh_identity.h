#pragma once

#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>
#include <string>

#include "control_plane/ads_service.h"
#include "control_plane/authenticator.h"
#include "control_plane/options.h"
#include "control_plane/private_folder.h"
#include "control_plane/server_certificate.h"
#include "identity/certificate_authority.h"

namespace grpc {
class Channel;
}

namespace remora::xds {

/// Where the control plane itself is at home.
struct IdentityPlace {
  std::string folder;  ///< takes its own certificate; empty: a private one, made for that
  /// Says whom service accounts' tokens stand for; null: nobody does. Outlives what is made here.
  kubernetes::ApiClient* api_server = nullptr;
  std::string ns;  ///< its namespace; empty: it is in none
};

/// All that has to do with who is who: the authority, who may be what, and the control plane's own
/// certificate. Control thread only.
class MeshIdentity {
 public:
  /// The authority of the files that the options name, else of our own in `folder`.
  static Result<std::unique_ptr<identity::CertificateAuthority>> open_authority(const Options& options,
                                                                                const std::string& folder);

  static Result<std::unique_ptr<MeshIdentity>> make(boost::asio::io_context& context, const Options& options,
                                                    std::unique_ptr<identity::CertificateAuthority> authority,
                                                    const IdentityPlace& place);

  /// Whether a call that the door has let in may go on: calls back once, perhaps from within, when the token
  /// that it brings has been reviewed. Dropping the handle gives the question up.
  std::shared_ptr<void> review(const grpc::ServerContextBase& call,
                               const std::function<void(Result<void>)>& done) const;

  Identities identities() const { return {authenticator_, *authority_, lifetime_}; }
  const identity::CertificateAuthority& authority() const { return *authority_; }
  identity::CertificateAuthority& authority() { return *authority_; }

  /// To another replica of the control plane at `address`, to which we prove who we are, as it does to us.
  /// After server_credentials().
  std::shared_ptr<grpc::Channel> channel_to(const std::string& address) const;

  /// Begins to keep a certificate for `address`; gives what gRPC serves TLS with: every call proves, by a
  /// certificate or a token, that it belongs to the mesh.
  Result<std::shared_ptr<grpc::ServerCredentials>> server_credentials(const std::string& address);

 private:
  MeshIdentity(boost::asio::io_context& context, const Options& options,
               std::unique_ptr<identity::CertificateAuthority> authority, const IdentityPlace& place);

  std::unique_ptr<PrivateFolder> own_folder_;  ///< null: we were given one
  std::unique_ptr<identity::CertificateAuthority> authority_;
  std::unique_ptr<kubernetes::TokenReview> token_review_;  ///< null: nobody is asked
  Authenticator authenticator_;
  std::chrono::seconds lifetime_;
  std::vector<std::string> server_names_;
  std::string ns_;
  ServerCertificate certificate_;
};

}  // namespace remora::xds

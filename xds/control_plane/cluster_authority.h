#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <string>

#include "identity/shared_authority.h"
#include "kubernetes/secrets.h"

namespace remora::xds {

/// The authority that all replicas share, looked for in the secrets of our namespace until it is there: the
/// API server may be away, permissions may be missing, a secret may be wrong; all of that can be mended while
/// we wait. Control thread only.
class ClusterAuthority {
 public:
  /// The client outlives this.
  ClusterAuthority(boost::asio::io_context& context, kubernetes::ApiClient& client, const std::string& ns,
                   std::string trust_domain);
  ~ClusterAuthority();

  void start();
  bool found() const { return authority_ != nullptr; }
  /// Once found; the caller's from then on.
  std::unique_ptr<identity::CertificateAuthority> take() { return std::move(authority_); }
  /// Why it has not been found yet; empty: nobody has answered.
  const std::string& complaint() const { return complaint_; }

 private:
  void search();
  void on_opened(Result<std::unique_ptr<identity::CertificateAuthority>> opened);

  const std::string trust_domain_;
  const std::unique_ptr<identity::SecretKeeper> keeper_;
  boost::asio::steady_timer retry_;
  std::unique_ptr<identity::CertificateAuthority> authority_;
  std::string complaint_;
};

}  // namespace remora::xds

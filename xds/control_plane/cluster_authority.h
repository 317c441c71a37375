#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "identity/shared_authority.h"
#include "kubernetes/secrets.h"

namespace remora::xds {

/// The authority that all replicas share, looked for in the secrets of our namespace until it is there: the
/// API server may be away, permissions may be missing, a secret may be wrong; all of that can be mended while
/// we wait. Afterwards it is looked at again and again, since operators renew it there. Control thread only.
class ClusterAuthority {
 public:
  /// The client outlives this. `look_again`: how often what has been found is compared with the secrets.
  ClusterAuthority(boost::asio::io_context& context, kubernetes::ApiClient& client, const std::string& ns,
                   std::string trust_domain, std::chrono::milliseconds look_again = std::chrono::seconds(10));
  ~ClusterAuthority();

  void start();
  bool found() const { return authority_ != nullptr; }
  /// Once found; the caller's from then on.
  std::unique_ptr<identity::CertificateAuthority> take() { return std::move(authority_); }
  /// `used`, which outlives this, becomes what the secrets hold whenever that changes. What is gone, or
  /// wrong, changes nothing and is in the log.
  void keep_current(identity::CertificateAuthority& used);
  /// Why it has not been found yet; empty: nobody has answered.
  const std::string& complaint() const { return complaint_; }

 private:
  void search();
  void on_opened(Result<std::unique_ptr<identity::CertificateAuthority>> opened);
  void look_again();
  void on_seen(const Result<std::unique_ptr<identity::CertificateAuthority>>& seen);
  void complain(const std::string& why, std::string_view consequence);

  const std::string trust_domain_;
  const std::unique_ptr<identity::SecretKeeper> keeper_;
  const std::chrono::milliseconds look_again_;
  boost::asio::steady_timer timer_;
  std::unique_ptr<identity::CertificateAuthority> authority_;
  identity::CertificateAuthority* used_ = nullptr;  ///< null: nobody uses it yet
  std::string complaint_;
};

}  // namespace remora::xds

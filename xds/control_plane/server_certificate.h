#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/system_timer.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "identity/certificate_authority.h"

namespace remora::xds {

/// The control plane's own certificate, as files that gRPC watches: a folder per certificate and a link to
/// the newest, so that key and certificate change together. Control thread only.
class ServerCertificate {
 public:
  struct Names {
    std::vector<std::string> dns;
    std::vector<std::string> addresses;
  };

  /// `folder` is made if needed, for nobody else. The authority must outlive this. A life of less than six
  /// seconds is six.
  ServerCertificate(boost::asio::io_context& context, const identity::CertificateAuthority& authority,
                    istio::SpiffeId id, std::chrono::seconds lifetime, std::string folder);

  /// Makes the first certificate and keeps renewing it: at half of its life, and when the authority is
  /// another one.
  Result<void> start(const Names& names);

  std::string key_file() const { return folder_ + "/current/key.pem"; }
  std::string certificate_file() const { return folder_ + "/current/cert-chain.pem"; }
  std::string root_file() const { return folder_ + "/current/root-cert.pem"; }

 private:
  Result<std::chrono::system_clock::time_point> renew();
  Result<void> publish(const identity::Issued& issued);
  void renew_and_wait();
  void wait_until(std::chrono::system_clock::time_point time);

  const identity::CertificateAuthority& authority_;
  const istio::SpiffeId id_;
  const std::chrono::seconds lifetime_;
  const std::string folder_;
  Names names_;
  boost::asio::system_timer timer_;
  std::shared_ptr<void> following_;  // of the authority
};

}  // namespace remora::xds

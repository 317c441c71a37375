#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/system_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>

#include "identity/certificate_authority.h"
#include "istio/build/snapshot.h"

namespace remora::xds {

/// One proxy's own certificate, made when it is asked for, again at half of its life, and when the authority
/// is another one. Control thread only.
class SecretFeed {
 public:
  using Deliver = std::function<void(std::shared_ptr<const istio::ResourceGroup>)>;

  /// The authority must outlive the feed. `deliver` is called with each new pair of secrets.
  SecretFeed(boost::asio::io_context& context, const identity::CertificateAuthority& authority,
             istio::SpiffeId id, std::chrono::seconds lifetime, Deliver deliver);

  /// Makes the first one. Later calls do nothing.
  void start();

  const istio::SpiffeId& id() const { return id_; }

 private:
  void renew();
  void wait_until(std::chrono::system_clock::time_point time);

  const identity::CertificateAuthority& authority_;
  const istio::SpiffeId id_;
  const std::chrono::seconds lifetime_;
  const Deliver deliver_;
  boost::asio::system_timer timer_;  // of the wall clock, by which certificates expire
  std::shared_ptr<void> following_;  // of the authority; null: not started
};

}  // namespace remora::xds

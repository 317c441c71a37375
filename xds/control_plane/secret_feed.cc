#include "control_plane/secret_feed.h"

#include <spdlog/spdlog.h>

#include "identity/secrets.h"

namespace remora::xds {
namespace {

constexpr std::chrono::seconds kRetry{30};

}  // namespace

SecretFeed::SecretFeed(boost::asio::io_context& context, const identity::CertificateAuthority& authority,
                       istio::SpiffeId id, std::chrono::seconds lifetime, Deliver deliver)
    : authority_(authority),
      id_(std::move(id)),
      lifetime_(lifetime),
      deliver_(std::move(deliver)),
      timer_(context) {}

void SecretFeed::start() {
  if (following_ != nullptr) return;
  following_ = authority_.follow([this] { renew(); });
  renew();
}

void SecretFeed::renew() {
  const auto issued = authority_.issue(id_, lifetime_);
  if (!issued.ok()) {
    spdlog::error("identity: no certificate for {}: {}", id_.uri(), issued.error().message);
    wait_until(std::chrono::system_clock::now() + kRetry);
    return;
  }
  spdlog::debug("identity: a certificate for {}", id_.uri());
  wait_until(issued->renewal());
  deliver_(std::make_shared<const istio::ResourceGroup>(
      identity::workload_secrets(*issued, authority_.root_pem())));
}

void SecretFeed::wait_until(std::chrono::system_clock::time_point time) {
  timer_.expires_at(time);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) renew();
  });
}

}  // namespace remora::xds

#include "control_plane/cluster_authority.h"

#include <spdlog/spdlog.h>

namespace remora::xds {
namespace {

constexpr std::chrono::seconds kRetry{2};

/// The secrets of one namespace of the cluster, as an authority wants them.
class ClusterSecrets final : public identity::SecretKeeper {
 public:
  ClusterSecrets(kubernetes::ApiClient& client, const std::string& ns) : secrets_(client, ns) {}

  void fetch(const std::string& name, Fetched done) override { secrets_.fetch(name, std::move(done)); }
  void create(const std::string& name, const std::string& type, const Fields& fields, Created done) override {
    secrets_.create(name, type, fields, std::move(done));
  }
  std::string place(const std::string& name) const override { return secrets_.place(name); }

 private:
  kubernetes::Secrets secrets_;
};

}  // namespace

ClusterAuthority::ClusterAuthority(boost::asio::io_context& context, kubernetes::ApiClient& client,
                                   const std::string& ns, std::string trust_domain,
                                   std::chrono::milliseconds look_again)
    : trust_domain_(std::move(trust_domain)),
      keeper_(std::make_unique<ClusterSecrets>(client, ns)),
      look_again_(look_again),
      timer_(context) {}

ClusterAuthority::~ClusterAuthority() = default;

void ClusterAuthority::start() { search(); }

void ClusterAuthority::search() {
  identity::open_shared_authority(*keeper_, trust_domain_,
                                  [this](Result<std::unique_ptr<identity::CertificateAuthority>> opened) {
                                    on_opened(std::move(opened));
                                  });
}

void ClusterAuthority::on_opened(Result<std::unique_ptr<identity::CertificateAuthority>> opened) {
  if (opened.ok()) {
    authority_ = std::move(*opened);
    complaint_.clear();
    return;
  }
  complain(opened.error().message, fmt::format("it is looked for again every {} s", kRetry.count()));
  timer_.expires_after(kRetry);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) search();
  });
}

void ClusterAuthority::keep_current(identity::CertificateAuthority& used) {
  used_ = &used;
  look_again();
}

void ClusterAuthority::look_again() {
  timer_.expires_after(look_again_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    identity::open_shared_authority(
        *keeper_, trust_domain_,
        [this](const Result<std::unique_ptr<identity::CertificateAuthority>>& seen) {
          on_seen(seen);
          look_again();
        },
        identity::CertificateAuthority::IfMissing::kFail);
  });
}

void ClusterAuthority::on_seen(const Result<std::unique_ptr<identity::CertificateAuthority>>& seen) {
  if (!seen.ok()) return complain(seen.error().message, "what it was before goes on");
  complaint_.clear();
  if (used_->same_as(**seen)) return;
  spdlog::info("certificate authority: {} has changed: everybody gets a new certificate", (*seen)->origin());
  used_->become(**seen);
}

void ClusterAuthority::complain(const std::string& why, std::string_view consequence) {
  if (std::exchange(complaint_, why) != why) spdlog::error("certificate authority: {}; {}", why, consequence);
}

}  // namespace remora::xds

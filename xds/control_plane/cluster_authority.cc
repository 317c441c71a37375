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
                                   const std::string& ns, std::string trust_domain)
    : trust_domain_(std::move(trust_domain)),
      keeper_(std::make_unique<ClusterSecrets>(client, ns)),
      retry_(context) {}

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
  if (opened.error().message != complaint_) {
    complaint_ = opened.error().message;
    spdlog::error("certificate authority: {}; it is looked for again every {} s", complaint_, kRetry.count());
  }
  retry_.expires_after(kRetry);
  retry_.async_wait([this](const boost::system::error_code& error) {
    if (!error) search();
  });
}

}  // namespace remora::xds

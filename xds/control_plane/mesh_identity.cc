#include "control_plane/mesh_identity.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "istio/text/scalar.h"

namespace remora::xds {
namespace {

identity::AuthoritySource authority_source(const Options& options, const std::string& folder) {
  return {folder, options.ca_certificate_file, options.ca_key_file, options.ca_root_file,
          options.trust_domain};
}

Authenticator::Settings authenticator_settings(const Options& options, kubernetes::TokenReview* review) {
  return {options.trust_domain, options.root_namespace, options.join_token_file, options.trust_loopback,
          review};
}

/// Turns away calls over TLS that prove nothing, whatever service they are for.
class Doorkeeper final : public grpc::AuthMetadataProcessor {
 public:
  explicit Doorkeeper(const Authenticator& authenticator) : authenticator_(authenticator) {}

  bool IsBlocking() const override { return true; }  // it may read the file of tokens

  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context,
                       OutputMetadata* /*consumed*/, OutputMetadata* /*response*/) override {
    const auto admitted = authenticator_.admit(caller_of(metadata, *context));
    if (admitted.ok()) return grpc::Status::OK;
    spdlog::warn("xds: a call is refused: {}", admitted.error().message);
    return {grpc::StatusCode::UNAUTHENTICATED, admitted.error().message};
  }

 private:
  const Authenticator& authenticator_;
};

/// Our own certificate and the mesh's root, read again when they are renewed.
std::shared_ptr<grpc::experimental::CertificateProviderInterface> files_of(const ServerCertificate& own) {
  constexpr unsigned kRefreshSeconds = 1;
  return std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      own.key_file(), own.certificate_file(), own.root_file(), kRefreshSeconds);
}

/// The names by which proxies find the control plane: those of this machine, Istio's and our own in a
/// cluster, and what the operator adds.
ServerCertificate::Names server_names(const std::string& address, const std::string& ns,
                                      const std::vector<std::string>& more) {
  ServerCertificate::Names names{{"localhost", "istiod.istio-system.svc"}, {"127.0.0.1", "::1"}};
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0 && host[0] != '\0')
    names.dns.emplace_back(host.data());
  std::vector<std::string> given = more;
  for (const char* service : {"remora-control.", "istiod."}) {
    if (!ns.empty()) given.push_back(service + ns + ".svc");
  }
  std::string own = address.substr(0, address.rfind(':'));
  if (own.starts_with('[') && own.ends_with(']')) own = own.substr(1, own.size() - 2);
  given.push_back(own);
  for (const std::string& name : given) {
    auto& list = istio::is_ip_address(name) ? names.addresses : names.dns;
    if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
  }
  return names;
}

}  // namespace

MeshIdentity::MeshIdentity(boost::asio::io_context& context, const Options& options,
                           std::unique_ptr<identity::CertificateAuthority> authority,
                           const IdentityPlace& place)
    : authority_(std::move(authority)),
      token_review_(place.api_server == nullptr ? nullptr
                                                : std::make_unique<kubernetes::TokenReview>(
                                                      *place.api_server, options.token_audience)),
      authenticator_(authenticator_settings(options, token_review_.get())),
      lifetime_(options.certificate_lifetime),
      server_names_(options.xds_server_names),
      ns_(place.ns),
      certificate_(context, *authority_, authenticator_.own_identity(), options.certificate_lifetime,
                   place.folder + "/xds-server") {}

Result<std::unique_ptr<identity::CertificateAuthority>> MeshIdentity::open_authority(
    const Options& options, const std::string& folder) {
  auto authority = identity::CertificateAuthority::open(authority_source(options, folder));
  if (!authority.ok()) return Error{"certificate authority: " + authority.error().message};
  return authority;
}

Result<std::unique_ptr<MeshIdentity>> MeshIdentity::make(
    boost::asio::io_context& context, const Options& options,
    std::unique_ptr<identity::CertificateAuthority> authority, const IdentityPlace& place) {
  IdentityPlace used = place;
  std::unique_ptr<PrivateFolder> own;
  if (place.folder.empty()) {
    auto folder = PrivateFolder::make();
    if (!folder.ok()) return Error{folder.error()};
    own = std::move(*folder);
    used.folder = own->path();
  }
  std::unique_ptr<MeshIdentity> made(new MeshIdentity(context, options, std::move(authority), used));
  made->own_folder_ = std::move(own);
  const auto tokens = made->authenticator_.check();
  if (!tokens.ok()) return Error{"--join-token-file: " + tokens.error().message};
  spdlog::info("identity: {}, trust domain {}, certificates live {} s", made->authority_->origin(),
               made->authority_->trust_domain(), made->lifetime_.count());
  if (options.trust_loopback) {
    spdlog::warn("identity: every process of this machine can be any workload (--trust-loopback)");
  }
  return made;
}

std::shared_ptr<void> MeshIdentity::review(const grpc::ServerContextBase& call,
                                           const std::function<void(Result<void>)>& done) const {
  const Caller caller = caller_of(call);
  kubernetes::TokenReview* reviewer = authenticator_.reviewer_for(caller);
  if (reviewer == nullptr) {
    done({});
    return nullptr;
  }
  return reviewer->review(caller.bearer_token, [done](const Result<kubernetes::TokenOwner>& owner) {
    done(owner.ok() ? Result<void>() : Result<void>(Error{owner.error()}));
  });
}

std::shared_ptr<grpc::Channel> MeshIdentity::channel_to(const std::string& address) const {
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(files_of(certificate_));
  options.watch_identity_key_cert_pairs();
  options.watch_root_certs();
  // Of all certificates of the mesh only the control plane's have names of hosts, this one among them.
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride("localhost");
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::experimental::TlsCredentials(options), arguments);
}

Result<std::shared_ptr<grpc::ServerCredentials>> MeshIdentity::server_credentials(
    const std::string& address) {
  const auto started = certificate_.start(server_names(address, ns_, server_names_));
  if (!started.ok()) return Error{started.error()};
  grpc::experimental::TlsServerCredentialsOptions options(files_of(certificate_));
  options.watch_identity_key_cert_pairs();
  options.watch_root_certs();
  // A certificate that comes must be good; who has none yet may bring a token.
  options.set_cert_request_type(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  auto credentials = grpc::experimental::TlsServerCredentials(options);
  credentials->SetAuthMetadataProcessor(std::make_shared<Doorkeeper>(authenticator_));
  return credentials;
}

}  // namespace remora::xds

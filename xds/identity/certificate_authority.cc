#include "identity/certificate_authority.h"

#include <algorithm>

#include "identity/authority_files.h"
#include "identity/certificate_builder.h"

namespace remora::identity {
namespace {

constexpr auto kClockSkew = std::chrono::minutes(2);

std::chrono::system_clock::time_point end_of(X509& certificate) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

Error no_trust_domain(const std::string& name) { return {'"' + name + "\" is no SPIFFE trust domain"}; }

}  // namespace

struct CertificateAuthority::State {
  AuthorityMaterial material;
  std::string trust_domain;
  std::chrono::system_clock::time_point not_after;
};

CertificateAuthority::CertificateAuthority(std::shared_ptr<const State> state) : state_(std::move(state)) {}
CertificateAuthority::~CertificateAuthority() = default;

std::shared_ptr<const CertificateAuthority::State> CertificateAuthority::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

Result<std::unique_ptr<CertificateAuthority>> CertificateAuthority::open(const AuthoritySource& source,
                                                                         IfMissing if_missing) {
  if (!istio::is_trust_domain(source.trust_domain)) return no_trust_domain(source.trust_domain);
  auto material = load_authority(source, if_missing);
  if (!material.ok()) return Error{material.error()};
  return of(std::move(*material), source.trust_domain);
}

Result<std::unique_ptr<CertificateAuthority>> CertificateAuthority::of(AuthorityMaterial material,
                                                                       const std::string& trust_domain) {
  if (!istio::is_trust_domain(trust_domain)) return no_trust_domain(trust_domain);
  auto state = std::make_shared<State>();
  state->trust_domain = trust_domain;
  state->not_after = end_of(*material.chain.front());
  for (const CertificatePtr& certificate : material.chain) {
    state->not_after = std::min(state->not_after, end_of(*certificate));
  }
  state->material = std::move(material);
  return std::unique_ptr<CertificateAuthority>(new CertificateAuthority(std::move(state)));
}

Result<Issued> CertificateAuthority::issue(const istio::SpiffeId& id, std::chrono::seconds lifetime) const {
  return issue_server(id, lifetime, {}, {});
}

Result<Issued> CertificateAuthority::issue_server(const istio::SpiffeId& id, std::chrono::seconds lifetime,
                                                  std::vector<std::string> dns_names,
                                                  std::vector<std::string> ip_addresses) const {
  const auto state = this->state();
  if (id.trust_domain != state->trust_domain) {
    return Error{id.uri() + " is not of this authority's trust domain " + state->trust_domain};
  }
  Issued issued;
  issued.made = std::chrono::system_clock::now();
  issued.not_after =
      std::min<std::chrono::system_clock::time_point>(issued.made + lifetime, state->not_after);
  if (issued.not_after <= issued.made) return Error{"the certificate authority itself has expired"};
  auto key = make_key();
  if (!key.ok()) return Error{key.error()};
  CertificateContent content;
  content.uri = id.uri();
  content.dns_names = std::move(dns_names);
  content.ip_addresses = std::move(ip_addresses);
  content.not_before = issued.made - kClockSkew;
  content.not_after = issued.not_after;
  const auto& material = state->material;
  const auto certificate = build_certificate(content, **key, {*material.key, material.chain.front().get()});
  if (!certificate.ok()) return Error{certificate.error()};
  auto key_pem = to_pem(**key);
  auto leaf_pem = to_pem(**certificate);
  if (!key_pem.ok()) return Error{key_pem.error()};
  if (!leaf_pem.ok()) return Error{leaf_pem.error()};
  issued.key_pem = std::move(*key_pem);
  issued.chain_pem = std::move(*leaf_pem) + material.chain_pem;
  return issued;
}

std::string CertificateAuthority::root_pem() const { return state()->material.root_pem; }
std::string CertificateAuthority::trust_domain() const { return state()->trust_domain; }
std::string CertificateAuthority::origin() const { return state()->material.origin; }
std::chrono::system_clock::time_point CertificateAuthority::not_after() const { return state()->not_after; }

bool CertificateAuthority::same_as(const CertificateAuthority& other) const {
  const auto mine = state();
  const auto theirs = other.state();
  const auto& a = mine->material;
  const auto& b = theirs->material;
  // The key is that of the first certificate, or the material could not have been read.
  return a.root_pem == b.root_pem && a.chain_pem == b.chain_pem &&
         X509_cmp(a.chain.front().get(), b.chain.front().get()) == 0;
}

void CertificateAuthority::become(const CertificateAuthority& other) {
  {
    auto fresh = other.state();
    const std::lock_guard lock(mutex_);
    state_ = std::move(fresh);
  }
  std::erase_if(followers_, [](const auto& follower) { return follower.expired(); });
  for (const auto& follower : std::vector(followers_)) {
    if (const auto changed = follower.lock()) (*changed)();
  }
}

std::shared_ptr<void> CertificateAuthority::follow(std::function<void()> changed) const {
  auto handle = std::make_shared<std::function<void()>>(std::move(changed));
  std::erase_if(followers_, [](const auto& follower) { return follower.expired(); });
  followers_.push_back(handle);
  return handle;
}

}  // namespace remora::identity

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

CertificateAuthority::CertificateAuthority(std::unique_ptr<const State> state) : state_(std::move(state)) {}
CertificateAuthority::~CertificateAuthority() = default;

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
  auto state = std::make_unique<State>();
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
  if (id.trust_domain != state_->trust_domain) {
    return Error{id.uri() + " is not of this authority's trust domain " + state_->trust_domain};
  }
  Issued issued;
  issued.made = std::chrono::system_clock::now();
  issued.not_after =
      std::min<std::chrono::system_clock::time_point>(issued.made + lifetime, state_->not_after);
  if (issued.not_after <= issued.made) return Error{"the certificate authority itself has expired"};
  auto key = make_key();
  if (!key.ok()) return Error{key.error()};
  CertificateContent content;
  content.uri = id.uri();
  content.dns_names = std::move(dns_names);
  content.ip_addresses = std::move(ip_addresses);
  content.not_before = issued.made - kClockSkew;
  content.not_after = issued.not_after;
  const auto& material = state_->material;
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

const std::string& CertificateAuthority::root_pem() const { return state_->material.root_pem; }
const std::string& CertificateAuthority::trust_domain() const { return state_->trust_domain; }
const std::string& CertificateAuthority::origin() const { return state_->material.origin; }
std::chrono::system_clock::time_point CertificateAuthority::not_after() const { return state_->not_after; }

}  // namespace remora::identity

#include "tls/verifier.h"

#include <openssl/err.h>
#include <openssl/sha.h>

#include <algorithm>
#include <utility>

namespace remora {
namespace {

Verifier::Verdict refused(int error, SslStat counts, std::string_view why) {
  return {error, counts, "verify cert failed: " + std::string(why), false};
}

bool type_fits(SanMatcher::Type wanted, SubjectName::Type type) {
  switch (wanted) {
    case SanMatcher::Type::kAny: return type != SubjectName::Type::kOther;
    case SanMatcher::Type::kEmail: return type == SubjectName::Type::kEmail;
    case SanMatcher::Type::kDns: return type == SubjectName::Type::kDns;
    case SanMatcher::Type::kUri: return type == SubjectName::Type::kUri;
    case SanMatcher::Type::kIp: return type == SubjectName::Type::kIp;
    case SanMatcher::Type::kOther: return type == SubjectName::Type::kOther;
  }
  return false;
}

bool matches(const SanMatcher& rule, const SubjectName& name) {
  if (!type_fits(rule.type, name.type) || (!rule.oid.empty() && rule.oid != name.oid)) return false;
  // A certificate may hold "*.example.com" where the rule asks for one host.
  if (name.type == SubjectName::Type::kDns && rule.matcher.kind == StringMatcher::Kind::kExact)
    return dns_name_covers(name.value, rule.matcher.value);
  return rule.matcher.matches(name.value);
}

bool covers(const SubjectName& name, std::string_view expected) {
  return name.type == SubjectName::Type::kDns ? dns_name_covers(name.value, expected)
                                              : name.value == expected;
}

std::string joined(const std::vector<SubjectName>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name.value;
  return text;
}

bool one_of(const std::vector<std::string>& hashes, const unsigned char* hash) {
  const std::string_view bytes(reinterpret_cast<const char*>(hash), SHA256_DIGEST_LENGTH);
  return std::ranges::find(hashes, bytes) != hashes.end();
}

// "spiffe://<trust domain>/..." -> trust domain; "" if it is no SPIFFE id.
std::string_view trust_domain_of(std::string_view uri) {
  constexpr std::string_view kScheme = "spiffe://";
  if (!uri.starts_with(kScheme)) return {};
  uri.remove_prefix(kScheme.size());
  const auto slash = uri.find('/');
  return slash == std::string_view::npos ? std::string_view{} : uri.substr(0, slash);
}

}  // namespace

Result<std::shared_ptr<const Verifier>> Verifier::make(std::shared_ptr<const CertificateValidation> config,
                                                       Peer peer) {
  std::shared_ptr<Verifier> made(new Verifier);
  made->config_ = std::move(config);
  made->peer_ = peer;
  const auto& rules = *made->config_;
  const TrustOptions options{rules.crl_pem, rules.only_verify_leaf_crl, rules.allow_expired,
                             rules.system_roots};
  if (!rules.subject_alt_names.empty() && !rules.verifies_chain() && !rules.accept_untrusted)
    return Error{
        "names of a certificate that no trusted CA vouches for prove nothing: trusted_ca is missing"};
  auto trust = make_trust_store(rules.trusted_ca_pem, options);
  if (!trust) return std::move(trust).error();
  made->trust_ = std::move(*trust);
  for (const auto& [domain, bundle] : rules.spiffe_trust_domains) {
    auto store = make_trust_store(bundle, options);
    if (!store) return std::move(store).error().in("trust domain '" + domain + "'");
    if (!made->domains_.emplace(domain, std::move(*store)).second)
      return Error{"trust domain '" + domain + "' is there twice"};
  }
  return std::shared_ptr<const Verifier>(std::move(made));
}

Verifier::Verdict Verifier::verify(X509* leaf, STACK_OF(X509) * chain,
                                   std::span<const std::string> expected) const {
  Verdict verdict;
  if (!domains_.empty()) {
    verdict = verify_spiffe(leaf, chain);
  } else if (verifies_chain()) {
    verdict = verify_chain(leaf, chain, *trust_);
  }
  if (verdict.error != X509_V_OK) return verdict;
  if (!expected.empty() || !config_->subject_alt_names.empty()) {
    verdict = verify_names(leaf, expected);
    if (verdict.error != X509_V_OK) return verdict;
  }
  const bool hashes = !config_->certificate_hashes.empty() || !config_->spki_hashes.empty();
  if (hashes && !hashes_match(leaf))
    return refused(X509_V_ERR_CERT_REJECTED, kSslFailVerifyCertHash, "cert hash and spki");
  verdict.validated |= hashes || verifies_chain();
  return verdict;
}

Verifier::Verdict Verifier::verify_chain(X509* leaf, STACK_OF(X509) * chain, const TrustStore& trust) const {
  const X509StoreCtxPtr context(X509_STORE_CTX_new());
  if (context == nullptr || X509_STORE_CTX_init(context.get(), trust.store.get(), leaf, chain) != 1 ||
      X509_STORE_CTX_set_default(context.get(), peer_ == Peer::kClient ? "ssl_client" : "ssl_server") != 1)
    return refused(X509_V_ERR_OUT_OF_MEM, kSslFailVerifyError, "init and setup X509_STORE_CTX");
  auto* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_depth(parameters, static_cast<int>(std::min(config_->max_verify_depth, 100U)));
  X509_VERIFY_PARAM_set_auth_level(parameters, 1);
  if (X509_verify_cert(context.get()) == 1) return {.validated = true};
  const int error = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  return refused(error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error, kSslFailVerifyError,
                 "X509_verify_cert: certificate verification error at depth " +
                     std::to_string(X509_STORE_CTX_get_error_depth(context.get())) + ": " +
                     X509_verify_cert_error_string(error));
}

// Source: SPIFFE, X.509-SVID: what a leaf must be, and whose bundle may vouch for it.
Verifier::Verdict Verifier::verify_spiffe(X509* leaf, STACK_OF(X509) * chain) const {
  const auto fail = [](std::string_view why) {
    return refused(X509_V_ERR_CERT_REJECTED, kSslFailVerifyError, why);
  };
  if (X509_check_ca(leaf) != 0) return fail("SPIFFE: the leaf certificate is a CA");
  const auto usage = X509_get_key_usage(leaf);
  if (usage != UINT32_MAX && (usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0)
    return fail("SPIFFE: the leaf certificate may sign certificates or revocation lists");
  std::vector<std::string> uris;
  for (auto& name : subject_names(leaf)) {
    if (name.type == SubjectName::Type::kUri) uris.push_back(std::move(name.value));
  }
  if (uris.size() != 1) return fail("SPIFFE: the leaf certificate must have exactly one URI SAN");
  const auto domain = trust_domain_of(uris.front());
  if (domain.empty()) return fail("SPIFFE: '" + uris.front() + "' is no SPIFFE id");
  const auto found = domains_.find(domain);
  if (found == domains_.end())
    return fail("SPIFFE: no trust bundle for trust domain '" + std::string(domain) + "'");
  return verify_chain(leaf, chain, *found->second);
}

Verifier::Verdict Verifier::verify_names(X509* leaf, std::span<const std::string> expected) const {
  auto names = subject_names(leaf);
  // A SPIFFE identity is the URI and nothing else.
  if (!domains_.empty())
    std::erase_if(names, [](const auto& name) { return name.type != SubjectName::Type::kUri; });
  for (const auto& name : names) {
    const bool holds =
        expected.empty()
            ? std::ranges::any_of(config_->subject_alt_names,
                                  [&](const auto& rule) { return matches(rule, name); })
            : std::ranges::any_of(expected, [&](const auto& wanted) { return covers(name, wanted); });
    if (holds) return {.validated = true};
  }
  std::string why = "SAN matcher";
  if (!expected.empty()) {
    why = "verify SAN list, expected SANs: [";
    for (const auto& wanted : expected) why += (&wanted == expected.data() ? "" : ", ") + wanted;
    why += "]";
  }
  return refused(X509_V_ERR_HOSTNAME_MISMATCH, kSslFailVerifySan,
                 why + ", certificate SANs are [" + joined(names) + "]");
}

bool Verifier::hashes_match(X509* leaf) const {
  unsigned char hash[EVP_MAX_MD_SIZE];
  if (!config_->certificate_hashes.empty() && X509_digest(leaf, EVP_sha256(), hash, nullptr) == 1 &&
      one_of(config_->certificate_hashes, hash))
    return true;
  if (config_->spki_hashes.empty()) return false;
  unsigned char* spki = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &spki);
  if (size <= 0) return false;
  SHA256(spki, static_cast<size_t>(size), hash);
  OPENSSL_free(spki);
  return one_of(config_->spki_hashes, hash);
}

std::string Verifier::digest() const {
  std::string rules;
  const auto add = [&](std::string_view part) {
    rules += std::to_string(part.size()) + ":" + std::string(part);
  };
  const auto& c = *config_;
  add(c.trusted_ca_pem);
  add(c.crl_pem);
  rules += {c.system_roots ? '1' : '0', c.only_verify_leaf_crl ? '1' : '0', c.allow_expired ? '1' : '0',
            c.accept_untrusted ? '1' : '0'};
  add(std::to_string(c.max_verify_depth));
  for (const auto& rule : c.subject_alt_names) {
    add(std::to_string(static_cast<int>(rule.type)) + std::to_string(static_cast<int>(rule.matcher.kind)) +
        (rule.matcher.ignore_case ? "i" : "c"));
    add(rule.matcher.kind == StringMatcher::Kind::kRegex ? rule.matcher.regex.pattern() : rule.matcher.value);
    add(rule.oid);
  }
  for (const auto& hash : c.certificate_hashes) add(hash);
  add("spki");
  for (const auto& hash : c.spki_hashes) add(hash);
  for (const auto& [domain, bundle] : c.spiffe_trust_domains) {
    add(domain);
    add(bundle);
  }
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(rules.data()), rules.size(), hash);
  return {reinterpret_cast<const char*>(hash), sizeof(hash)};
}

}  // namespace remora

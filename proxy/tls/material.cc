#include "tls/material.h"

#include <utility>

#include "tls/ticket_keys.h"

namespace remora {
namespace {

// Source: CommonTlsContext.CombinedCertificateValidationContext: protobuf's merge. Lists add up, what is set
// replaces.
CertificateValidation merged(const CertificateValidation& base, const CertificateValidation& over) {
  CertificateValidation all = base;
  if (!over.trusted_ca_pem.empty()) {
    all.trusted_ca_pem = over.trusted_ca_pem;
    all.ca_origin = over.ca_origin;
  }
  if (!over.crl_pem.empty()) all.crl_pem = over.crl_pem;
  if (!over.spiffe_trust_domains.empty()) all.spiffe_trust_domains = over.spiffe_trust_domains;
  if (over.max_verify_depth != CertificateValidation{}.max_verify_depth)
    all.max_verify_depth = over.max_verify_depth;
  all.system_roots |= over.system_roots;
  all.only_verify_leaf_crl |= over.only_verify_leaf_crl;
  all.allow_expired |= over.allow_expired;
  all.accept_untrusted |= over.accept_untrusted;
  const auto append = [](auto& list, const auto& more) { list.insert(list.end(), more.begin(), more.end()); };
  append(all.subject_alt_names, over.subject_alt_names);
  append(all.certificate_hashes, over.certificate_hashes);
  append(all.spki_hashes, over.spki_hashes);
  return all;
}

Error wrong_kind(const std::string& name, std::string_view wanted) {
  return Error{"secret '" + name + "' is no " + std::string(wanted)};
}

// Each returns whether everything is there.
Result<bool> resolve_pairs(const CommonTls& common, const KnownSecrets& secrets, TlsMaterial& material) {
  for (const auto& reference : common.certificates) {
    if (reference.named()) {
      const auto* known = secrets.find(reference.name);
      if (known == nullptr) return false;
      if (known->pair == nullptr) return wrong_kind(reference.name, "tls_certificate");
      material.pairs.push_back(known->pair);
    } else if (reference.content != nullptr) {
      auto pair = load_key_pair(*reference.content);
      if (!pair) return std::move(pair).error();
      material.pairs.push_back(std::move(*pair));
    }
  }
  return true;
}

Result<bool> resolve_validation(const CommonTls& common, TlsSide side, const KnownSecrets& secrets,
                                TlsMaterial& material) {
  if (!common.validates()) return true;
  auto rules = common.validation.content;
  if (common.validation.named()) {
    const auto* known = secrets.find(common.validation.name);
    if (known == nullptr) return false;
    const auto* content = std::get_if<CertificateValidation>(&known->secret->content);
    if (content == nullptr) return wrong_kind(common.validation.name, "validation_context");
    rules = std::shared_ptr<const CertificateValidation>(known->secret, content);
  }
  if (common.validation_defaults != nullptr) {
    rules = rules == nullptr
                ? common.validation_defaults
                : std::make_shared<const CertificateValidation>(merged(*common.validation_defaults, *rules));
  }
  auto verifier = Verifier::make(
      std::move(rules), side == TlsSide::kServer ? Verifier::Peer::kClient : Verifier::Peer::kServer);
  if (!verifier) return std::move(verifier).error();
  material.verifier = std::move(*verifier);
  return true;
}

Result<bool> resolve_tickets(const SecretRef<SessionTicketKeys>* reference, const KnownSecrets& secrets,
                             TlsMaterial& material) {
  if (reference == nullptr) return true;
  if (reference->content != nullptr) material.tickets = std::make_shared<TicketKeys>(reference->content);
  if (!reference->named()) return true;
  const auto* known = secrets.find(reference->name);
  if (known == nullptr) return false;
  if (known->tickets == nullptr) return wrong_kind(reference->name, "session_ticket_keys");
  material.tickets = known->tickets;
  return true;
}

Result<void> load(KnownSecret& known) {
  const auto& secret = *known.secret;
  if (const auto* certificate = std::get_if<TlsCertificate>(&secret.content)) {
    auto pair = load_key_pair(*certificate);
    if (!pair) return std::move(pair).error();
    known.pair = std::move(*pair);
  } else if (const auto* keys = std::get_if<SessionTicketKeys>(&secret.content)) {
    if (keys->keys.empty()) return Error{"session_ticket_keys: at least one key is needed"};
    known.tickets =
        std::make_shared<TicketKeys>(std::shared_ptr<const SessionTicketKeys>(known.secret, keys));
  } else {
    // Names without an authority are an error of the whole, which another part may complete.
    auto rules = std::make_shared<CertificateValidation>(std::get<CertificateValidation>(secret.content));
    rules->subject_alt_names.clear();
    if (auto verifier = Verifier::make(std::move(rules), Verifier::Peer::kClient); !verifier)
      return std::move(verifier).error();
  }
  return {};
}

}  // namespace

Result<KnownSecret> know_secret(std::shared_ptr<const Secret> secret) {
  KnownSecret known{std::move(secret), nullptr, nullptr};
  if (auto loaded = load(known); !loaded) {
    const auto& name = known.secret->name;  // "" where it stands in the configuration itself
    return name.empty() ? std::move(loaded).error() : std::move(loaded).error().in("secret '" + name + "'");
  }
  return known;
}

void KnownSecrets::set(KnownSecret secret) {
  const auto name = secret.secret->name;
  secrets_.insert_or_assign(name, std::move(secret));
}

void KnownSecrets::remove(std::string_view name) {
  const auto found = secrets_.find(name);
  if (found != secrets_.end()) secrets_.erase(found);
}

const KnownSecret* KnownSecrets::find(std::string_view name) const {
  const auto found = secrets_.find(name);
  return found == secrets_.end() ? nullptr : &found->second;
}

Result<std::optional<TlsMaterial>> resolve_material(const CommonTls& common, TlsSide side,
                                                    const SecretRef<SessionTicketKeys>* tickets,
                                                    const KnownSecrets& secrets) {
  TlsMaterial material;
  bool complete = true;
  for (const auto& step :
       {resolve_pairs(common, secrets, material), resolve_validation(common, side, secrets, material),
        resolve_tickets(tickets, secrets, material)}) {
    if (!step) return Error{step.error()};
    complete &= *step;
  }
  if (!complete) return std::optional<TlsMaterial>();
  return std::optional<TlsMaterial>(std::move(material));
}

}  // namespace remora

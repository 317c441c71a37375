#include "control_plane/authenticator.h"

namespace remora::xds {
namespace {

constexpr const char* kOwnServiceAccount = "remora-control";

/// The services that have a stream's token reviewed before they take anything from it.
bool reviews_tokens(const std::string& method) {
  return method.starts_with("/envoy.service.discovery.v3.AggregatedDiscoveryService/") ||
         method.starts_with("/envoy.service.secret.v3.SecretDiscoveryService/") ||
         method.starts_with("/envoy.service.metrics.v3.MetricsService/");
}

}  // namespace

Authenticator::Authenticator(Settings settings) : settings_(std::move(settings)) {
  if (!settings_.join_token_file.empty()) tokens_.emplace(settings_.join_token_file);
}

Result<void> Authenticator::check() const { return tokens_ ? tokens_->check() : Result<void>(); }

istio::SpiffeId Authenticator::own_identity() const {
  return {settings_.trust_domain, settings_.root_namespace, kOwnServiceAccount};
}

Result<std::optional<istio::SpiffeId>> Authenticator::identify(const Caller& caller,
                                                               const istio::ProxyNode& node) const {
  Result<istio::SpiffeId> id = Error{
      "over TLS a proxy proves who it is: by a certificate of the mesh, or by a "
      "bearer token"};
  if (caller.certified) {
    id = by_certificate(caller);
  } else if (!caller.bearer_token.empty()) {
    id = by_token(caller, node);
  } else if (settings_.trust_loopback && caller.loopback) {
    id = as_claimed(node);
  } else if (!caller.encrypted) {
    return std::optional<istio::SpiffeId>();
  }
  if (!id.ok()) return Error{id.error()};
  const auto checked = check_claim(*id, node);
  if (!checked.ok()) return Error{checked.error()};
  return std::optional(std::move(*id));
}

Result<void> Authenticator::admit(const Caller& caller) const {
  if (caller.certified) {
    const auto id = by_certificate(caller);
    return id.ok() ? Result<void>() : Result<void>(Error{id.error()});
  }
  if (caller.bearer_token.empty()) return Error{"a certificate of the mesh or a bearer token is required"};
  if (settings_.token_review != nullptr && !in_join_file(caller.bearer_token)) {
    if (reviews_tokens(caller.method) || settings_.token_review->knows(caller.bearer_token)) return {};
    return Error{"the token has not been reviewed: a proxy asks for its configuration first"};
  }
  if (!tokens_) return Error{"bearer tokens prove nothing without --join-token-file or Kubernetes"};
  const auto grant = tokens_->find(caller.bearer_token);
  return grant.ok() ? Result<void>() : Result<void>(Error{grant.error()});
}

bool Authenticator::in_join_file(const std::string& token) const {
  return tokens_ && tokens_->find(token).ok();
}

kubernetes::TokenReview* Authenticator::reviewer_for(const Caller& caller) const {
  const bool bears = !caller.certified && !caller.bearer_token.empty();
  const bool asked = caller.token_owner.has_value() || (!caller.encrypted && !caller.loopback);
  return bears && !asked && !in_join_file(caller.bearer_token) ? settings_.token_review : nullptr;
}

Result<istio::SpiffeId> Authenticator::by_certificate(const Caller& caller) const {
  if (caller.certificate.empty()) return Error{"the client certificate does not name exactly one SPIFFE ID"};
  auto id = istio::parse_spiffe_id(caller.certificate);
  if (!id.ok()) return Error{"the client certificate's name " + id.error().message};
  if (id->trust_domain != settings_.trust_domain) {
    return Error{"the client certificate is for " + id->uri() + ", not of the trust domain " +
                 settings_.trust_domain};
  }
  return id;
}

Result<istio::SpiffeId> Authenticator::by_token(const Caller& caller, const istio::ProxyNode& node) const {
  if (!caller.encrypted && !caller.loopback) {
    return Error{"a bearer token that comes from another machine in plain text proves nothing: use TLS"};
  }
  if (caller.token_owner) return by_owner(*caller.token_owner, node);
  if (!tokens_) return Error{"bearer tokens prove nothing without --join-token-file or Kubernetes"};
  const auto grant = tokens_->find(caller.bearer_token);
  if (!grant.ok()) return Error{grant.error()};
  if (grant->anybody) return as_claimed(node);
  return istio::make_spiffe_id(settings_.trust_domain, grant->ns, grant->service_account);
}

/// A token that is bound to a Pod is that Pod's only, and the node names it.
Result<istio::SpiffeId> Authenticator::by_owner(const kubernetes::TokenOwner& owner,
                                                const istio::ProxyNode& node) const {
  if (!owner.pod.empty() && node.name != owner.pod + '.' + owner.ns) {
    return Error{"its node claims to be \"" + node.name + "\", but its token is of the pod " + owner.ns +
                 '/' + owner.pod};
  }
  return istio::make_spiffe_id(settings_.trust_domain, owner.ns, owner.service_account);
}

Result<istio::SpiffeId> Authenticator::as_claimed(const istio::ProxyNode& node) const {
  return istio::make_spiffe_id(
      settings_.trust_domain, node.ns,
      node.service_account.empty() ? istio::kDefaultServiceAccount : node.service_account);
}

/// A proxy is configured as its node says and certified as it has proved; the two must not differ.
Result<void> Authenticator::check_claim(const istio::SpiffeId& id, const istio::ProxyNode& node) const {
  if (id == own_identity()) return Error{id.uri() + " is the control plane itself"};
  const bool same_account = node.service_account.empty() || node.service_account == id.service_account;
  if (node.ns == id.ns && same_account) return {};
  return Error{"its node claims namespace \"" + node.ns + "\" and service account \"" + node.service_account +
               "\", but it has proved to be " + id.uri()};
}

}  // namespace remora::xds

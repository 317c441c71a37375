#pragma once

#include <optional>
#include <string>

#include "control_plane/caller.h"
#include "identity/join_tokens.h"
#include "istio/build/proxy_node.h"
#include "istio/model/spiffe_id.h"
#include "kubernetes/token_review.h"
#include "remora/core/result.h"

namespace remora::xds {

/// Decides who a proxy is. What it gets is what it has proved, never what it merely says: by a certificate of
/// the mesh, by a bearer token of the join file, or by its service account's token in Kubernetes. Immutable;
/// any thread.
class Authenticator {
 public:
  struct Settings {
    std::string trust_domain = istio::kDefaultTrustDomain;
    std::string root_namespace;
    std::string join_token_file;  ///< empty: tokens prove nothing
    /// Proxies of this machine are who they say they are. Every process of the machine can then be any
    /// workload.
    bool trust_loopback = false;
    /// Asks Kubernetes whom a token stands for; null: nobody is asked. Outlives the authenticator.
    kubernetes::TokenReview* token_review = nullptr;
  };

  explicit Authenticator(Settings settings);

  /// An error where the file of tokens is wrong.
  Result<void> check() const;

  /// The workload that `caller`, whose node is `node`, has proved to be; nothing where it has not tried. An
  /// error where it tried and failed, where its node claims to be somebody else, or where it had to try: over
  /// TLS everybody does.
  Result<std::optional<istio::SpiffeId>> identify(const Caller& caller, const istio::ProxyNode& node) const;

  /// Where the caller's token has to be reviewed before identify() can tell: what to ask. Else null.
  kubernetes::TokenReview* reviewer_for(const Caller& caller) const;

  /// Whether a call over TLS may begin at all, before it has said who it is. Streams on which a proxy says
  /// who it is may begin with a token that is still to be reviewed; for others it has been reviewed before.
  Result<void> admit(const Caller& caller) const;

  /// The control plane's own identity, which no proxy can get.
  istio::SpiffeId own_identity() const;

 private:
  Result<istio::SpiffeId> by_certificate(const Caller& caller) const;
  Result<istio::SpiffeId> by_token(const Caller& caller, const istio::ProxyNode& node) const;
  Result<istio::SpiffeId> by_owner(const kubernetes::TokenOwner& owner, const istio::ProxyNode& node) const;
  bool in_join_file(const std::string& token) const;
  Result<istio::SpiffeId> as_claimed(const istio::ProxyNode& node) const;
  Result<void> check_claim(const istio::SpiffeId& id, const istio::ProxyNode& node) const;

  Settings settings_;
  std::optional<identity::JoinTokens> tokens_;
};

}  // namespace remora::xds

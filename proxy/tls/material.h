#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tls/ssl_context.h"

namespace remora {

/// A secret that OpenSSL has accepted, with what was made of it.
struct KnownSecret {
  std::shared_ptr<const Secret> secret;
  std::shared_ptr<const KeyPair> pair;  // of a TlsCertificate
  std::shared_ptr<TicketKeys> tickets;  // of SessionTicketKeys
};

/// Loads what can be loaded without knowing who uses it. Errors name the secret.
Result<KnownSecret> know_secret(std::shared_ptr<const Secret> secret);

/// Secrets by name.
class KnownSecrets {
 public:
  void set(KnownSecret secret);
  void remove(std::string_view name);
  /// Null: not there.
  [[nodiscard]] const KnownSecret* find(std::string_view name) const;

 private:
  std::map<std::string, KnownSecret, std::less<>> secrets_;
};

/// Resolves `common` (and `tickets`; null: none are configured). No value: a named secret is missing. Errors:
/// content that OpenSSL refuses, or a secret of another kind.
Result<std::optional<TlsMaterial>> resolve_material(const CommonTls& common, TlsSide side,
                                                    const SecretRef<SessionTicketKeys>* tickets,
                                                    const KnownSecrets& secrets);

}  // namespace remora

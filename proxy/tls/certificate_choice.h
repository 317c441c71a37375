#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "remora/config/tls.h"
#include "tls/client_hello.h"
#include "tls/key_pair.h"

namespace remora {

/// Which of a listener's certificates a client gets. Source: Envoy, TLS certificate selection.
///
/// Certificates whose name is the SNI come first, then those with a wildcard for it, then (only without an
/// SNI, or with full_scan_certs_on_sni_mismatch) all in their order; within each, an ECDSA one wins if the
/// client can verify it, else RSA. If none fits, the first certificate of all is shown.
class CertificateChoice {
 public:
  CertificateChoice(std::vector<std::shared_ptr<const KeyPair>> pairs, const DownstreamTls& config);

  struct Chosen {
    size_t index = 0;
    bool name_matched = false;
    bool refused = false;  // by the OCSP policy: no certificate may be shown
  };
  [[nodiscard]] Chosen choose(const ClientHello& hello, WallTime now) const;
  [[nodiscard]] const std::vector<std::shared_ptr<const KeyPair>>& pairs() const { return pairs_; }

  /// What to do about a staple of `pair` for a client that asked.
  enum class Staple : uint8_t { kSend, kOmit, kRefuse };
  [[nodiscard]] Staple staple(const KeyPair& pair, bool wanted, WallTime now) const;

 private:
  using Indexes = std::vector<size_t>;
  /// The best of `candidates`; `spare` remembers an RSA one while an ECDSA one is still hoped for.
  std::optional<size_t> pick(const Indexes& candidates, const ClientHello& hello, WallTime now,
                             std::optional<size_t>& spare) const;

  std::vector<std::shared_ptr<const KeyPair>> pairs_;
  std::unordered_map<std::string, Indexes> exact_;
  std::unordered_map<std::string, Indexes> wildcard_;  // "*.example.com" as ".example.com"
  Indexes all_;
  bool full_scan_;
  DownstreamTls::OcspPolicy policy_;
};

}  // namespace remora

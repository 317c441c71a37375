#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "remora/config/tls.h"
#include "remora/core/result.h"
#include "tls/ssl_stats.h"
#include "tls/subject_names.h"
#include "tls/trust_store.h"

namespace remora {

/// Judges a peer's certificate by one CertificateValidation. Immutable; any thread.
class Verifier {
 public:
  enum class Peer : uint8_t { kClient, kServer };

  struct Verdict {
    int error = X509_V_OK;   // of OpenSSL's X509_V_ERR_*; decides the alert
    SslStat counts{};        // which statistic, if there is an error
    std::string detail;      // "verify cert failed: ...", if there is an error
    bool validated = false;  // something was verified, and held
  };

  /// Errors name the part that OpenSSL cannot use.
  static Result<std::shared_ptr<const Verifier>> make(std::shared_ptr<const CertificateValidation> config,
                                                      Peer peer);

  /// `chain` is what the peer sent besides `leaf`. `expected`: see ClientHandshake::expected_sans.
  [[nodiscard]] Verdict verify(X509* leaf, STACK_OF(X509) * chain,
                               std::span<const std::string> expected) const;

  [[nodiscard]] const CertificateValidation& config() const { return *config_; }
  /// Authorities beside those of trust domains.
  [[nodiscard]] const TrustStore& trust() const { return *trust_; }
  [[nodiscard]] bool verifies_chain() const { return config_->verifies_chain(); }
  [[nodiscard]] bool verifies_anything() const {
    return verifies_chain() || !config_->certificate_hashes.empty() || !config_->spki_hashes.empty();
  }
  /// A digest of every rule: what was verified under other rules must not be resumed under these.
  [[nodiscard]] std::string digest() const;

 private:
  Verifier() = default;
  [[nodiscard]] Verdict verify_chain(X509* leaf, STACK_OF(X509) * chain, const TrustStore& trust) const;
  [[nodiscard]] Verdict verify_spiffe(X509* leaf, STACK_OF(X509) * chain) const;
  [[nodiscard]] Verdict verify_names(X509* leaf, std::span<const std::string> expected) const;
  [[nodiscard]] bool hashes_match(X509* leaf) const;

  std::shared_ptr<const CertificateValidation> config_;
  Peer peer_ = Peer::kClient;
  std::shared_ptr<const TrustStore> trust_;
  std::map<std::string, std::shared_ptr<const TrustStore>, std::less<>> domains_;  // SPIFFE trust domains
};

}  // namespace remora

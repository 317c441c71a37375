#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "istio/model/spiffe_id.h"
#include "remora/core/result.h"

namespace remora::identity {

struct AuthorityMaterial;

/// Where an authority's key and certificates are. Either `folder`, for a root of our own, or the three files
/// of a given one.
struct AuthoritySource {
  std::string folder;
  std::string certificate_file;  ///< the signing certificate, and those between it and the root (PEM)
  std::string key_file;
  std::string root_file;  ///< what everybody trusts (PEM); empty: the signing certificate, a root itself
  std::string trust_domain = istio::kDefaultTrustDomain;

  bool given() const { return !certificate_file.empty(); }
};

/// A certificate and its key.
struct Issued {
  std::string key_pem;
  std::string chain_pem;  ///< the leaf, then the authorities between it and the root
  std::chrono::system_clock::time_point made;
  std::chrono::system_clock::time_point not_after;

  /// Half of the lifetime is over: time for the next one.
  std::chrono::system_clock::time_point renewal() const { return made + (not_after - made) / 2; }
};

/// Signs the mesh's certificates. Its methods may be called from any thread, but for those that say
/// otherwise.
class CertificateAuthority {
 public:
  enum class IfMissing { kMake, kFail };

  /// Reads and checks the authority: the key fits the certificate, which is a valid authority and leads to
  /// the root. A root of our own that is not there yet is made once, durably, its folder (0700) and key
  /// (0600) for nobody else; one that others can read is refused. An error names the file.
  static Result<std::unique_ptr<CertificateAuthority>> open(const AuthoritySource& source,
                                                            IfMissing if_missing = IfMissing::kMake);
  /// The same of an authority that has been read and checked.
  static Result<std::unique_ptr<CertificateAuthority>> of(AuthorityMaterial material,
                                                          const std::string& trust_domain);
  ~CertificateAuthority();
  CertificateAuthority(const CertificateAuthority&) = delete;
  CertificateAuthority& operator=(const CertificateAuthority&) = delete;

  /// A new key and a certificate for it that is good for both ends of a connection, valid for `lifetime` from
  /// now, or as long as the authority itself if that ends before. It begins two minutes ago, for clocks that
  /// are behind.
  Result<Issued> issue(const istio::SpiffeId& id, std::chrono::seconds lifetime) const;

  /// The same for a server that is also called by these names and addresses.
  Result<Issued> issue_server(const istio::SpiffeId& id, std::chrono::seconds lifetime,
                              std::vector<std::string> dns_names,
                              std::vector<std::string> ip_addresses) const;

  /// What peers must trust (PEM).
  std::string root_pem() const;
  std::string trust_domain() const;
  std::chrono::system_clock::time_point not_after() const;
  /// "own root DIR/root-cert.pem", for logs.
  std::string origin() const;

  /// Whether both sign with the same key and certificates, and peers are to trust the same.
  bool same_as(const CertificateAuthority& other) const;
  /// Signs with what `other` has from now on, and tells those who follow. Control thread only.
  void become(const CertificateAuthority& other);
  /// `changed` is called after each become(), as long as the handle lives. Control thread only.
  [[nodiscard]] std::shared_ptr<void> follow(std::function<void()> changed) const;

 private:
  struct State;
  explicit CertificateAuthority(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state() const;

  mutable std::mutex mutex_;
  std::shared_ptr<const State> state_;
  mutable std::vector<std::weak_ptr<std::function<void()>>> followers_;
};

}  // namespace remora::identity

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace remora::test {

/// A certificate with its key, PEM.
struct Issued {
  std::string certificate;
  std::string key;
};

struct CertificateWish {
  std::string common_name = "test";
  std::vector<std::string>
      names;                 // "DNS:a.example", "URI:spiffe://...", "IP:127.0.0.1", as OpenSSL writes them
  std::string raw_dns;       // a DNS name byte for byte, whatever is in it
  int64_t starts_s = -3600;  // from now
  int64_t ends_s = 86400;
  bool rsa = false;
  int rsa_bits = 2048;
  bool authority = false;
  std::string key_usage;           // "digitalSignature,keyEncipherment"; "": no extension
  std::string extended_key_usage;  // "clientAuth"; "": no extension
  std::string tls_feature;         // "status_request"
  uint64_t serial = 0;             // 0: the next one
};

/// A certificate authority for tests. Keys are made once a process for each kind, since only one test needs
/// different ones.
class Authority {
 public:
  explicit Authority(std::string name = "Test CA");
  /// Signed by `parent`.
  Authority(const Authority& parent, std::string name);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  [[nodiscard]] const std::string& pem() const { return own_.certificate; }
  [[nodiscard]] Issued issue(const CertificateWish& wish) const;
  /// A revocation list of these certificates.
  [[nodiscard]] std::string revoke(const std::vector<std::string>& certificates) const;
  /// An OCSP response (DER) that says "good", for as long as `ends_s`.
  [[nodiscard]] std::string vouch(const std::string& certificate, int64_t ends_s) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  Issued own_;
};

/// The key encrypted with a password; the pair as PKCS #12.
std::string encrypted_key(const std::string& key_pem, const std::string& password);
std::string pkcs12(const Issued& pair, const std::string& password);

/// SHA-256 of the certificate and of its public key, 32 bytes.
std::string certificate_hash(const std::string& pem);
std::string spki_hash(const std::string& pem);

}  // namespace remora::test

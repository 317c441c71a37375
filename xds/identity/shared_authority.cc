#include "identity/shared_authority.h"

#include "identity/authority_files.h"
#include "identity/own_root.h"

namespace remora::identity {
namespace {

constexpr const char* kGiven = "cacerts";
constexpr const char* kOwn = "istio-ca-secret";
constexpr const char* kOwnType = "istio.io/ca-root";
constexpr const char* kCertificate = "ca-cert.pem";
constexpr const char* kKey = "ca-key.pem";
constexpr const char* kRoot = "root-cert.pem";
constexpr const char* kChain = "cert-chain.pem";

using Fields = SecretKeeper::Fields;

/// One search for the authority: given, else our own, else made.
class Search : public std::enable_shared_from_this<Search> {
 public:
  using Done = std::function<void(Result<std::unique_ptr<CertificateAuthority>>)>;

  Search(SecretKeeper& keeper, std::string trust_domain, Done done)
      : keeper_(keeper),
        trust_domain_(std::move(trust_domain)),
        done_(std::move(done)) {}

  void start(CertificateAuthority::IfMissing if_missing) {
    const bool may_make = if_missing == CertificateAuthority::IfMissing::kMake;
    fetch(kGiven, [self = shared_from_this(), may_make] { self->look_for_own(may_make); });
  }

 private:
  /// Ends with what the secret holds; `missing` where there is none.
  void fetch(const char* name, std::function<void()> missing) {
    keeper_.fetch(name, [self = shared_from_this(), name,
                         missing = std::move(missing)](const Result<std::optional<Fields>>& fields) {
      if (!fields.ok()) return self->done_(Error{fields.error()});
      if (!*fields) return missing();
      self->done_(self->read(name, **fields));
    });
  }

  void look_for_own(bool may_make) {
    fetch(kOwn, [self = shared_from_this(), may_make] {
      if (may_make) return self->make();
      self->done_(Error{self->keeper_.place(kOwn) + " is not there"});
    });
  }

  void make() {
    const auto key = make_root_key();
    if (!key.ok()) return done_(Error{key.error()});
    const auto certificate = make_root_certificate(*key, trust_domain_);
    if (!certificate.ok()) return done_(Error{certificate.error()});
    const Fields fields{{kCertificate, *certificate}, {kKey, *key}};
    keeper_.create(kOwn, kOwnType, fields, [self = shared_from_this(), fields](const Result<bool>& first) {
      if (!first.ok()) return self->done_(Error{first.error()});
      if (*first) return self->done_(self->read(kOwn, fields));
      self->look_for_own(/*may_make=*/false);
    });
  }

  Result<std::unique_ptr<CertificateAuthority>> read(const char* name, const Fields& fields) const {
    const auto field = [&](const char* key) {
      const auto place = fields.find(key);
      return NamedText{keeper_.place(name) + ' ' + key, place == fields.end() ? "" : place->second};
    };
    AuthorityTexts texts{field(kCertificate), field(kKey), field(kRoot)};
    if (texts.root.text.empty()) texts.root = texts.certificate;
    const NamedText chain = field(kChain);
    // The chain begins with the signing certificate, or with the one above it.
    if (chain.text.starts_with(texts.certificate.text)) {
      texts.certificate = chain;
    } else {
      texts.certificate.text += '\n' + chain.text;
    }
    auto material = read_authority(texts, trust_domain_);
    if (!material.ok()) return Error{material.error()};
    material->origin = keeper_.place(name);
    return CertificateAuthority::of(std::move(*material), trust_domain_);
  }

  SecretKeeper& keeper_;
  const std::string trust_domain_;
  const Done done_;
};

}  // namespace

void open_shared_authority(SecretKeeper& keeper, std::string trust_domain,
                           std::function<void(Result<std::unique_ptr<CertificateAuthority>>)> done,
                           CertificateAuthority::IfMissing if_missing) {
  std::make_shared<Search>(keeper, std::move(trust_domain), std::move(done))->start(if_missing);
}

}  // namespace remora::identity

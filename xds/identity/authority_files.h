#pragma once

#include <string>

#include "identity/certificate_authority.h"
#include "identity/openssl.h"

namespace remora::identity {

/// An authority's contents, read and found to fit together.
struct AuthorityMaterial {
  KeyPtr key;
  Certificates chain;     ///< the signing certificate first, then those between it and the root
  std::string chain_pem;  ///< what goes with every leaf: the chain without a root
  std::string root_pem;
  std::string origin;
};

/// A text and how messages call it: the path of its file, ...
struct NamedText {
  std::string name;
  std::string text;
};

/// What an authority is made of, in PEM.
struct AuthorityTexts {
  NamedText certificate;  ///< the signing certificate, then those between it and the root
  NamedText key;
  NamedText root;
};

/// Reads the texts, and checks that they fit together and are of the trust domain.
Result<AuthorityMaterial> read_authority(const AuthorityTexts& texts, const std::string& trust_domain);

/// A whole file; an error names it.
Result<std::string> read_file(const std::string& path);

/// The files of `source`, whose roots are made before if they are missing and `if_missing` says so.
Result<AuthorityMaterial> load_authority(const AuthoritySource& source,
                                         CertificateAuthority::IfMissing if_missing);

}  // namespace remora::identity

#pragma once

#include "identity/certificate_authority.h"

namespace remora::identity {

/// The files of the root in `source.folder`, made before if they are missing and `if_missing` says so. An
/// error where others than the owner can use the folder or the key.
Result<AuthoritySource> own_root(const AuthoritySource& source, CertificateAuthority::IfMissing if_missing);

/// A new root of our own, in PEM: its key, and its certificate for a key.
Result<std::string> make_root_key();
Result<std::string> make_root_certificate(const std::string& key_pem, const std::string& trust_domain);

}  // namespace remora::identity

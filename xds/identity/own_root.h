#pragma once

#include "identity/certificate_authority.h"

namespace remora::identity {

/// The files of the root in `source.folder`, made before if they are missing and `if_missing` says so. An
/// error where others than the owner can use the folder or the key.
Result<AuthoritySource> own_root(const AuthoritySource& source, CertificateAuthority::IfMissing if_missing);

}  // namespace remora::identity

#pragma once

#include <memory>

#include "remora/http/tls_info.h"
#include "tls/openssl_ptr.h"

namespace remora {

/// What a certificate says, decoded. `chain` (leaf first; may be null) is what the peer sent with it.
std::shared_ptr<const CertificateInfo> decode_certificate(X509* leaf, const STACK_OF(X509) * chain);

/// The same, remembered: peers come back with the same certificate, and decoding costs as much as verifying.
/// Bounded, per thread.
std::shared_ptr<const CertificateInfo> certificate_info(X509* leaf, const STACK_OF(X509) * chain);

/// When `time` is, as wall clock time.
WallTime wall_time(const ASN1_TIME* time);

}  // namespace remora

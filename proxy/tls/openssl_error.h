#pragma once

#include <string>
#include <string_view>

namespace remora {

/// Both empty this thread's queue of OpenSSL errors.

/// The reason of the first error that was queued, for messages about configuration: "key values mismatch".
std::string take_openssl_reason();

/// All of them in Envoy's form: "TLS_error:|<code>:<library>:OPENSSL_internal:<REASON>:TLS_error_end".
/// Reasons are spelled as BoringSSL's names, which are mostly the same words; codes are OpenSSL's.
/// `detail` (what is behind the reason; may be empty) stands before the end.
std::string take_transport_failure(std::string_view detail);

}  // namespace remora

#pragma once

#include <memory>
#include <string>

#include "envoy/extensions/transport_sockets/tls/v3/common.pb.h"
#include "remora/config/tls.h"
#include "translate/context.h"
#include "translate/secret_source.h"

namespace remora::xds {

/// Certificates and what they are verified with. The context stands at the message, whose fields are checked
/// already. What only OpenSSL can judge goes to Environment::check_secret.

/// Null after an error.
std::shared_ptr<const TlsCertificate> to_certificate(
    const envoy::extensions::transport_sockets::tls::v3::TlsCertificate& certificate, Context& context);

/// Null after an error. `alone`: nothing is merged with it later, so it must be complete by itself.
std::shared_ptr<const CertificateValidation> to_validation(
    const envoy::extensions::transport_sockets::tls::v3::CertificateValidationContext& validation, bool alone,
    Context& context);

/// Null after an error.
std::shared_ptr<const SessionTicketKeys> to_ticket_keys(
    const envoy::extensions::transport_sockets::tls::v3::TlsSessionTicketKeys& keys, Context& context);

/// A named secret, checked and judged. `key` becomes its name. Null after an error.
std::shared_ptr<const Secret> translate_secret(const ProtoSecret& secret, const std::string& key,
                                               const std::string& version, WallTime wall, Context& context);

/// Asks Environment::check_secret about content that stands in the configuration itself.
void judge(std::variant<TlsCertificate, CertificateValidation, SessionTicketKeys> content, Context& context);

}  // namespace remora::xds

#include "translate/field_check.h"
#include "translate/secret.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

namespace tls = envoy::extensions::transport_sockets::tls::v3;
using envoy::config::core::v3::DataSource;

std::string origin_of(const DataSource& source) {
  return source.has_filename() ? source.filename() : "<inline>";
}

void check_shape(const tls::TlsCertificate& certificate, Context& context) {
  if (certificate.has_pkcs12()) {
    if (certificate.has_private_key()) context.error("private_key", "cannot be set together with pkcs12");
    if (certificate.has_certificate_chain())
      context.error("certificate_chain", "cannot be set together with pkcs12");
    return;
  }
  if (!certificate.has_certificate_chain()) context.error("certificate_chain", "is required");
  if (!certificate.has_private_key()) context.error("private_key", "is required");
}

}  // namespace

std::shared_ptr<const TlsCertificate> to_certificate(const tls::TlsCertificate& certificate,
                                                     Context& context) {
  const size_t errors_before = context.report().error_count();
  check_shape(certificate, context);
  auto out = std::make_shared<TlsCertificate>();
  const auto read = [&](bool present, const DataSource& source, std::string_view field) {
    std::string bytes = present ? to_bytes(source, field, context) : std::string();
    if (present && bytes.empty() && context.report().error_count() == errors_before)
      context.error(field, "is empty");
    return bytes;
  };
  out->chain_pem =
      read(certificate.has_certificate_chain(), certificate.certificate_chain(), "certificate_chain");
  out->key_pem = read(certificate.has_private_key(), certificate.private_key(), "private_key");
  out->pkcs12 = read(certificate.has_pkcs12(), certificate.pkcs12(), "pkcs12");
  if (certificate.has_password()) out->password = to_bytes(certificate.password(), "password", context);
  if (certificate.ocsp_staple().has_inline_string())
    context.error("ocsp_staple", "is DER: it cannot be an inline_string");
  out->ocsp_staple = read(certificate.has_ocsp_staple(), certificate.ocsp_staple(), "ocsp_staple");
  out->origin = origin_of(certificate.has_pkcs12() ? certificate.pkcs12() : certificate.certificate_chain());
  if (context.report().error_count() != errors_before) return nullptr;
  return out;
}

std::shared_ptr<const SessionTicketKeys> to_ticket_keys(const tls::TlsSessionTicketKeys& keys,
                                                        Context& context) {
  const size_t errors_before = context.report().error_count();
  auto out = std::make_shared<SessionTicketKeys>();
  for (int i = 0; i < keys.keys_size(); ++i) {
    const auto scope = context.in("keys", i);
    const std::string bytes = to_bytes(keys.keys(i), context);
    auto& key = out->keys.emplace_back();
    if (bytes.size() != key.size()) {
      context.error("must have " + std::to_string(key.size()) + " bytes, not " +
                    std::to_string(bytes.size()));
      continue;
    }
    std::copy(bytes.begin(), bytes.end(), key.begin());
  }
  if (context.report().error_count() != errors_before) return nullptr;
  return out;
}

void judge(std::variant<TlsCertificate, CertificateValidation, SessionTicketKeys> content, Context& context) {
  const auto& check = context.environment().check_secret;
  if (!check) return;
  const Secret secret{.name = {}, .version = {}, .content = std::move(content)};
  if (const auto verdict = check(secret); !verdict.ok()) context.error(verdict.error().message);
}

std::shared_ptr<const Secret> translate_secret(const ProtoSecret& secret, const std::string& key,
                                               const std::string& version, WallTime wall, Context& context) {
  const size_t errors_before = context.report().error_count();
  check_fields(secret, context);
  if (context.report().error_count() != errors_before) return nullptr;
  auto out = std::make_shared<Secret>();
  out->name = key;
  out->version = version;
  out->added_via_api = !version.empty();
  out->updated = wall;
  const auto take = [&](const auto& content) {
    if (content) out->content = *content;
  };
  if (secret.has_tls_certificate()) {
    const auto scope = context.in("tls_certificate");
    take(to_certificate(secret.tls_certificate(), context));
  } else if (secret.has_validation_context()) {
    const auto scope = context.in("validation_context");
    take(to_validation(secret.validation_context(), false, context));
  } else if (secret.has_session_ticket_keys()) {
    const auto scope = context.in("session_ticket_keys");
    take(to_ticket_keys(secret.session_ticket_keys(), context));
  } else {
    context.error("one of tls_certificate, validation_context, session_ticket_keys is required");
  }
  const auto& check = context.environment().check_secret;
  if (context.report().error_count() == errors_before && check) {
    if (const auto verdict = check(*out); !verdict.ok()) context.error(verdict.error().message);
  }
  if (context.report().error_count() != errors_before) return nullptr;
  return out;
}

}  // namespace remora::xds

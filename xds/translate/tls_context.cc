#include "translate/tls_context.h"

#include "translate/field_check.h"
#include "translate/secret.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

namespace tls = envoy::extensions::transport_sockets::tls::v3;
using CommonProto = tls::CommonTlsContext;

TlsParameters::Version to_version(tls::TlsParameters::TlsProtocol version) {
  switch (version) {
    case tls::TlsParameters::TLSv1_0: return TlsParameters::Version::kTls10;
    case tls::TlsParameters::TLSv1_1: return TlsParameters::Version::kTls11;
    case tls::TlsParameters::TLSv1_2: return TlsParameters::Version::kTls12;
    case tls::TlsParameters::TLSv1_3: return TlsParameters::Version::kTls13;
    default: return TlsParameters::Version::kAuto;
  }
}

void set_parameters(const tls::TlsParameters& source, Context& context, TlsParameters& out) {
  const auto scope = context.in("tls_params");
  out.minimum = to_version(source.tls_minimum_protocol_version());
  out.maximum = to_version(source.tls_maximum_protocol_version());
  const bool both =
      out.minimum != TlsParameters::Version::kAuto && out.maximum != TlsParameters::Version::kAuto;
  if (both && out.maximum < out.minimum)
    context.error("tls_maximum_protocol_version", "is below tls_minimum_protocol_version");
  out.cipher_suites.assign(source.cipher_suites().begin(), source.cipher_suites().end());
  out.curves.assign(source.ecdh_curves().begin(), source.ecdh_curves().end());
  out.signature_algorithms.assign(source.signature_algorithms().begin(), source.signature_algorithms().end());
}

/// Content in the configuration becomes a secret when it asks for its folder to be watched.
template <typename Proto>
bool is_watched(const Proto& source, const ProtoSecret& as_secret) {
  return source.has_watched_directory() && !watched_folders(as_secret).empty();
}

SecretRef<TlsCertificate> to_certificate_ref(const tls::TlsCertificate& source, Context& context,
                                             SecretNeeds& needs) {
  ProtoSecret as_secret;
  *as_secret.mutable_tls_certificate() = source;
  auto content = to_certificate(source, context);
  if (content) judge(*content, context);
  if (!is_watched(source, as_secret)) return {std::move(content), {}};
  auto folders = watched_folders(as_secret);
  return {nullptr, add_watched_secret(std::move(as_secret), std::move(folders), needs)};
}

void set_certificates(const CommonProto& source, Context& context, SecretNeeds& needs, CommonTls& out) {
  for (int i = 0; i < source.tls_certificates_size(); ++i) {
    const auto scope = context.in("tls_certificates", i);
    out.certificates.push_back(to_certificate_ref(source.tls_certificates(i), context, needs));
  }
  for (int i = 0; i < source.tls_certificate_sds_secret_configs_size(); ++i) {
    const auto scope = context.in("tls_certificate_sds_secret_configs", i);
    out.certificates.push_back(
        {nullptr, add_secret_need(source.tls_certificate_sds_secret_configs(i), context, needs)});
  }
}

void set_own_validation(const tls::CertificateValidationContext& source, Context& context, SecretNeeds& needs,
                        CommonTls& out) {
  const auto scope = context.in("validation_context");
  auto content = to_validation(source, true, context);
  if (content) judge(*content, context);
  ProtoSecret as_secret;
  *as_secret.mutable_validation_context() = source;
  if (!is_watched(source, as_secret)) {
    out.validation.content = std::move(content);
    return;
  }
  auto folders = watched_folders(as_secret);
  out.validation.name = add_watched_secret(std::move(as_secret), std::move(folders), needs);
}

void set_validation(const CommonProto& source, Context& context, SecretNeeds& needs, CommonTls& out) {
  if (source.has_validation_context())
    return set_own_validation(source.validation_context(), context, needs, out);
  if (source.has_validation_context_sds_secret_config()) {
    const auto scope = context.in("validation_context_sds_secret_config");
    out.validation.name = add_secret_need(source.validation_context_sds_secret_config(), context, needs);
    return;
  }
  if (!source.has_combined_validation_context()) return;
  const auto scope = context.in("combined_validation_context");
  const auto& combined = source.combined_validation_context();
  {
    const auto at = context.in("default_validation_context");
    out.validation_defaults = to_validation(combined.default_validation_context(), false, context);
    if (out.validation_defaults) judge(*out.validation_defaults, context);
  }
  const auto at = context.in("validation_context_sds_secret_config");
  out.validation.name = add_secret_need(combined.validation_context_sds_secret_config(), context, needs);
}

CommonTls to_common(const CommonProto& source, Context& context, SecretNeeds& needs) {
  const auto scope = context.in("common_tls_context");
  CommonTls out;
  set_parameters(source.tls_params(), context, out.parameters);
  set_certificates(source, context, needs, out);
  set_validation(source, context, needs, out);
  for (int i = 0; i < source.alpn_protocols_size(); ++i) {
    const std::string& protocol = source.alpn_protocols(i);
    const auto at = context.in("alpn_protocols", i);
    if (protocol.empty() || protocol.size() > 255) context.error("must have 1 to 255 bytes");
    out.alpn.push_back(protocol);
  }
  out.key_log_path = source.key_log().path();
  return out;
}

void set_tickets(const tls::DownstreamTlsContext& source, Context& context, SecretNeeds& needs,
                 DownstreamTls& out) {
  out.disable_stateless_resumption = source.disable_stateless_session_resumption();
  out.disable_stateful_resumption = source.disable_stateful_session_resumption();
  if (source.has_session_timeout())
    out.session_timeout = to_milliseconds(source.session_timeout(), "session_timeout", context);
  if (source.has_session_ticket_keys()) {
    const auto scope = context.in("session_ticket_keys");
    out.ticket_keys.content = to_ticket_keys(source.session_ticket_keys(), context);
  } else if (source.has_session_ticket_keys_sds_secret_config()) {
    const auto scope = context.in("session_ticket_keys_sds_secret_config");
    out.ticket_keys.name = add_secret_need(source.session_ticket_keys_sds_secret_config(), context, needs);
  }
}

DownstreamTls::OcspPolicy to_ocsp_policy(tls::DownstreamTlsContext::OcspStaplePolicy policy) {
  switch (policy) {
    case tls::DownstreamTlsContext::STRICT_STAPLING: return DownstreamTls::OcspPolicy::kStrict;
    case tls::DownstreamTlsContext::MUST_STAPLE: return DownstreamTls::OcspPolicy::kMustStaple;
    default: return DownstreamTls::OcspPolicy::kLenient;
  }
}

/// Envoy's rules about how many certificates there are, and from where.
void check_server_certificates(const CommonProto& source, Context& context) {
  const auto scope = context.in("common_tls_context");
  if (source.tls_certificates().empty() && source.tls_certificate_sds_secret_configs().empty())
    context.error("tls_certificates", "must not be empty: a server needs a certificate");
  if (!source.tls_certificates().empty() && !source.tls_certificate_sds_secret_configs().empty()) {
    context.error("tls_certificate_sds_secret_configs", "cannot be set together with tls_certificates");
  }
}

void check_client(const tls::UpstreamTlsContext& source, const UpstreamTls& out, Context& context) {
  if (source.sni().find('\0') != std::string::npos) context.error("sni", "must not contain NUL");
  if (out.common.certificates.size() > 1)
    context.error("common_tls_context", "a client has at most one certificate");
  if (out.auto_sni_san_validation && !out.common.validates())
    context.error("auto_sni_san_validation", "needs a validation context");
}

}  // namespace

std::shared_ptr<const DownstreamTls> to_downstream_tls(const tls::DownstreamTlsContext& source,
                                                       Context& context, SecretNeeds& needs) {
  check_fields(source, context);
  auto out = std::make_shared<DownstreamTls>();
  out->common = to_common(source.common_tls_context(), context, needs);
  check_server_certificates(source.common_tls_context(), context);
  out->require_client_certificate = source.require_client_certificate().value();
  out->require_sni = source.require_sni().value();
  set_tickets(source, context, needs, *out);
  out->ocsp = to_ocsp_policy(source.ocsp_staple_policy());
  out->full_scan_on_sni_mismatch = source.full_scan_certs_on_sni_mismatch().value();
  out->prefer_client_ciphers = source.prefer_client_ciphers();
  return out;
}

std::shared_ptr<const UpstreamTls> to_upstream_tls(const tls::UpstreamTlsContext& source, Context& context,
                                                   SecretNeeds& needs) {
  check_fields(source, context);
  auto out = std::make_shared<UpstreamTls>();
  out->common = to_common(source.common_tls_context(), context, needs);
  out->sni = source.sni();
  out->auto_host_sni = source.auto_host_sni();
  out->auto_sni_san_validation = source.auto_sni_san_validation();
  out->allow_renegotiation = source.allow_renegotiation();
  if (source.has_max_session_keys()) out->max_session_keys = source.max_session_keys().value();
  if (source.has_enforce_rsa_key_usage()) out->enforce_rsa_key_usage = source.enforce_rsa_key_usage().value();
  check_client(source, *out, context);
  return out;
}

}  // namespace remora::xds

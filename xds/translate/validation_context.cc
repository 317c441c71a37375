#include <google/protobuf/stubs/strutil.h>

#include <set>

#include "envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.pb.h"
#include "translate/field_check.h"
#include "translate/matchers.h"
#include "translate/secret.h"
#include "translate/typed_config.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

namespace tls = envoy::extensions::transport_sockets::tls::v3;
using Proto = tls::CertificateValidationContext;

constexpr size_t kDigestBytes = 32;  // SHA-256

SanMatcher::Type to_type(tls::SubjectAltNameMatcher::SanType type) {
  switch (type) {
    case tls::SubjectAltNameMatcher::EMAIL: return SanMatcher::Type::kEmail;
    case tls::SubjectAltNameMatcher::DNS: return SanMatcher::Type::kDns;
    case tls::SubjectAltNameMatcher::URI: return SanMatcher::Type::kUri;
    case tls::SubjectAltNameMatcher::IP_ADDRESS: return SanMatcher::Type::kIp;
    case tls::SubjectAltNameMatcher::OTHER_NAME: return SanMatcher::Type::kOther;
    default: return SanMatcher::Type::kAny;
  }
}

void set_names(const Proto& validation, Context& context, CertificateValidation& out) {
  for (int i = 0; i < validation.match_typed_subject_alt_names_size(); ++i) {
    const auto& source = validation.match_typed_subject_alt_names(i);
    const auto scope = context.in("match_typed_subject_alt_names", i);
    auto& made = out.subject_alt_names.emplace_back();
    made.type = to_type(source.san_type());
    made.oid = source.oid();
    if (made.type == SanMatcher::Type::kOther && made.oid.empty()) context.error("oid", "is required");
    const auto matcher = context.in("matcher");
    made.matcher = to_string_matcher(source.matcher(), context);
  }
  for (int i = 0; i < validation.match_subject_alt_names_size(); ++i) {
    const auto scope = context.in("match_subject_alt_names", i);
    out.subject_alt_names.push_back(
        {SanMatcher::Type::kAny, to_string_matcher(validation.match_subject_alt_names(i), context), {}});
  }
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// 64 hex digits, or pairs with colons between them; "" for anything else.
std::string digest_from_hex(std::string_view text) {
  const size_t step = text.size() == 3 * kDigestBytes - 1 ? 3 : 2;
  if (text.size() != step * kDigestBytes - (step - 2)) return {};
  std::string out;
  for (size_t i = 0; i < text.size(); i += step) {
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return {};
    if (step == 3 && i + 2 < text.size() && text[i + 2] != ':') return {};
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

std::string digest_from_base64(const std::string& text) {
  std::string out;
  if (!google::protobuf::Base64Unescape(text, &out) || out.size() != kDigestBytes) return {};
  return out;
}

void set_hashes(const Proto& validation, Context& context, CertificateValidation& out) {
  for (int i = 0; i < validation.verify_certificate_hash_size(); ++i) {
    const auto scope = context.in("verify_certificate_hash", i);
    out.certificate_hashes.push_back(digest_from_hex(validation.verify_certificate_hash(i)));
    if (out.certificate_hashes.back().empty()) context.error("is no SHA-256 in hex");
  }
  for (int i = 0; i < validation.verify_certificate_spki_size(); ++i) {
    const auto scope = context.in("verify_certificate_spki", i);
    out.spki_hashes.push_back(digest_from_base64(validation.verify_certificate_spki(i)));
    if (out.spki_hashes.back().empty()) context.error("is no SHA-256 in base64");
  }
}

/// Standing at the validation context.
void set_spiffe(const Proto& validation, Context& context, CertificateValidation& out) {
  const auto scope = context.in("custom_validator_config");
  const auto& extension = validation.custom_validator_config();
  const TypedConfig config = unpack(extension.typed_config());
  const auto* spiffe = dynamic_cast<const tls::SPIFFECertValidatorConfig*>(config.message.get());
  if (spiffe == nullptr) return refuse_extension("certificate validator", extension.name(), config, context);
  const auto inside = context.in("typed_config");
  check_fields(*spiffe, context);
  std::set<std::string> seen;
  for (int i = 0; i < spiffe->trust_domains_size(); ++i) {
    const auto& domain = spiffe->trust_domains(i);
    const auto at = context.in("trust_domains", i);
    if (!seen.insert(domain.name()).second) context.error("name", "'" + domain.name() + "' is there twice");
    if (!domain.has_trust_bundle()) {
      context.error("trust_bundle", "is required");
      continue;
    }
    out.spiffe_trust_domains.emplace_back(domain.name(),
                                          to_bytes(domain.trust_bundle(), "trust_bundle", context));
  }
}

/// Rules that would hold for nobody, as in Envoy.
void check_complete(const CertificateValidation& validation, Context& context) {
  if (validation.verifies_chain()) return;
  if (!validation.crl_pem.empty()) context.error("crl", "has no meaning without trusted_ca");
  if (!validation.subject_alt_names.empty()) {
    context.error("match_typed_subject_alt_names",
                  "without trusted_ca anybody could claim the name: not allowed");
  }
  if (validation.allow_expired)
    context.error("allow_expired_certificate", "dates are never looked at without trusted_ca");
}

}  // namespace

std::shared_ptr<const CertificateValidation> to_validation(const Proto& validation, bool alone,
                                                           Context& context) {
  const size_t errors_before = context.report().error_count();
  auto out = std::make_shared<CertificateValidation>();
  if (validation.has_trusted_ca()) {
    out->trusted_ca_pem = to_bytes(validation.trusted_ca(), "trusted_ca", context);
    out->ca_origin = validation.trusted_ca().has_filename() ? validation.trusted_ca().filename() : "<inline>";
    if (out->trusted_ca_pem.empty() && context.report().error_count() == errors_before)
      context.error("trusted_ca", "is empty");
  }
  if (validation.has_system_root_certs() && !validation.has_trusted_ca()) {  // as in Envoy, trusted_ca wins
    out->system_roots = true;
    out->ca_origin = "<system>";
  }
  set_names(validation, context, *out);
  set_hashes(validation, context, *out);
  if (validation.has_crl()) out->crl_pem = to_bytes(validation.crl(), "crl", context);
  out->only_verify_leaf_crl = validation.only_verify_leaf_cert_crl();
  out->allow_expired = validation.allow_expired_certificate();
  out->accept_untrusted = validation.trust_chain_verification() == Proto::ACCEPT_UNTRUSTED;
  if (validation.has_max_verify_depth()) out->max_verify_depth = validation.max_verify_depth().value();
  if (validation.has_custom_validator_config()) set_spiffe(validation, context, *out);
  if (alone && context.report().error_count() == errors_before) check_complete(*out, context);
  if (context.report().error_count() != errors_before) return nullptr;
  return out;
}

}  // namespace remora::xds

#include "tls/ssl_stats.h"

#include <iterator>

namespace remora {
namespace {

constexpr StatDef kSslStatDefs[] = {
    {"connection_error"},    {"handshake"},           {"session_reused"},        {"no_certificate"},
    {"fail_verify_no_cert"}, {"fail_verify_error"},   {"fail_verify_san"},       {"fail_verify_cert_hash"},
    {"ocsp_staple_failed"},  {"ocsp_staple_omitted"}, {"ocsp_staple_responses"}, {"ocsp_staple_requests"},
};
static_assert(std::size(kSslStatDefs) == kSslOcspStapleRequests + 1);

enum FactoryStat : size_t { kDownstreamNotReady, kUpstreamNotReady, kUpdatedBySds };
constexpr StatDef kFactoryDefs[] = {{"downstream_context_secrets_not_ready"},
                                    {"upstream_context_secrets_not_ready"},
                                    {"ssl_context_update_by_sds"}};

constexpr StatDef kExpiryDefs[] = {{"expiration_unix_time_seconds", StatKind::kGauge}};

// A family's one statistic: Envoy shows the value in the name, Prometheus as a tag.
struct Family {
  std::string_view name;
  std::string_view tag;
};
constexpr Family kFamilies[] = {{"ciphers", "envoy_ssl_cipher"},
                                {"versions", "envoy_ssl_version"},
                                {"curves", "envoy_ssl_curve"},
                                {"sigalgs", "envoy_ssl_sigalg"}};
constexpr StatDef kNamedDefs[] = {{""}};

std::string_view tag_of(std::string_view family) {
  for (const auto& known : kFamilies) {
    if (known.name == family) return known.tag;
  }
  return "envoy_ssl_value";
}

ScopeName below(const ScopeName& parent, const std::string& text, const std::string& prometheus) {
  return {parent.prefix + text, parent.prometheus_prefix.str() + prometheus, parent.tags, {}};
}

}  // namespace

SslStats::SslStats(StatsStore& store, SslOwner owner) : store_(store), owner_(std::move(owner)) {
  ssl_ = store_.make_scope(kSslStatDefs, below(owner_.scope, "ssl.", "ssl_"));
  const std::string factory = owner_.downstream ? "server_ssl_socket_factory" : "client_ssl_socket_factory";
  factory_ = store_.make_scope(kFactoryDefs, below(owner_.scope, factory + ".", factory + "_"));
}

void SslStats::add_named(size_t shard, std::string_view family, std::string_view value) {
  std::shared_ptr<StatScope> scope;
  {
    const std::lock_guard lock(mutex_);
    auto& found = named_[{std::string(family), std::string(value)}];
    if (found == nullptr) {
      const std::string name(family);
      auto scope_name = below(owner_.scope, "ssl." + name + "." + std::string(value), "ssl_" + name);
      scope_name.tags.push_back({std::string(tag_of(family)), std::string(value)});
      found = store_.make_scope(kNamedDefs, std::move(scope_name));
    }
    scope = found;
  }
  scope->block(shard).add(0);
}

void SslStats::not_ready(size_t shard) const {
  factory_->block(shard).add(owner_.downstream ? kDownstreamNotReady : kUpstreamNotReady);
}
void SslStats::updated_by_sds() const { factory_->block(0).add(kUpdatedBySds); }

std::shared_ptr<StatScope> SslStats::certificate_expiry(std::string_view certificate) const {
  const std::string name(certificate);
  auto scope_name = below(owner_.scope, "ssl.certificate." + name + ".", "ssl_certificate_");
  scope_name.tags.push_back({"envoy_tls_certificate", name});
  return store_.make_scope(kExpiryDefs, std::move(scope_name));
}

}  // namespace remora

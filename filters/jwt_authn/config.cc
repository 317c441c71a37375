#include <algorithm>

#include "common/http_scope.h"
#include "common/shared_factory.h"
#include "config_values.h"
#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb.h"
#include "jwt_authn/jwt_authn.h"
#include "remora/filter/envoy_messages.h"

namespace remora::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::jwt_authn::v3;

constexpr StatDef kSchema[kJwtStats] = {{.name = "allowed"},
                                        {.name = "denied"},
                                        {.name = "cors_preflight_bypassed"},
                                        {.name = "jwks_fetch_success"},
                                        {.name = "jwks_fetch_failed"},
                                        {.name = "jwt_cache_hit"},
                                        {.name = "jwt_cache_miss"}};

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

std::vector<JwtLocation> to_locations(const v3::JwtProvider& proto) {
  using Kind = JwtLocation::Kind;
  std::vector<JwtLocation> out;
  for (const auto& header : proto.from_headers())
    out.push_back({.kind = Kind::kHeader, .name = lower(header.name()), .prefix = header.value_prefix()});
  for (const auto& name : proto.from_params()) out.push_back({.kind = Kind::kParameter, .name = name});
  for (const auto& name : proto.from_cookies()) out.push_back({.kind = Kind::kCookie, .name = name});
  if (!out.empty()) return out;
  return {{.kind = Kind::kHeader, .name = "authorization", .prefix = "Bearer "},
          {.kind = Kind::kParameter, .name = "access_token"}};
}

/// "a.b.c" leads down into objects.
std::vector<std::string> to_path(const std::string& claim) {
  std::vector<std::string> out;
  size_t start = 0;
  for (size_t dot = claim.find('.'); dot != std::string::npos; dot = claim.find('.', start)) {
    out.push_back(claim.substr(start, dot - start));
    start = dot + 1;
  }
  out.push_back(claim.substr(start));
  return out;
}

/// Reads one filter's message.
class Reader {
 public:
  Reader(const FilterFactoryContext& context, ConfigReport& report, JwtAuthnConfig& out)
      : context_(context),
        report_(report),
        out_(out) {}

  void read(const v3::JwtAuthentication& proto, const std::string& path) {
    std::map<std::string, const v3::JwtProvider*> sorted;
    for (const auto& [name, provider] : proto.providers()) sorted[name] = &provider;
    for (const auto& [name, provider] : sorted)
      add_provider(name, *provider, path + ".providers[\"" + name + "\"]");
    for (const auto& [name, requirement] : proto.requirement_map()) {
      out_.by_name.emplace(name, to_requirement(requirement, path + ".requirement_map[\"" + name + "\"]"));
    }
    read_rules(proto, path);
    out_.bypass_preflight = proto.bypass_cors_preflight();
    out_.strip_failure_response = proto.strip_failure_response();
  }

 private:
  void add_provider(const std::string& name, const v3::JwtProvider& proto, const std::string& path) {
    auto out = std::make_unique<JwtProvider>();
    out->number = out_.providers.size();
    out->name = name;
    out->issuer = proto.issuer();
    out->audiences = JwtAudiences({proto.audiences().begin(), proto.audiences().end()});
    if (proto.has_subjects())
      out->subjects = to_string_matcher(proto.subjects(), context_, path + ".subjects", report_);
    out->require_expiration = proto.require_expiration();
    if (proto.has_max_lifetime()) out->max_lifetime = static_cast<uint64_t>(proto.max_lifetime().seconds());
    if (proto.clock_skew_seconds() > 0) out->clock_skew = proto.clock_skew_seconds();
    set_keys(proto, path, *out);
    out->own_locations = to_locations(proto);
    out->forward = proto.forward();
    set_output(proto, *out);
    if (proto.has_jwt_cache_config()) {
      constexpr size_t kTokens = 100;
      constexpr size_t kBytes = 4096;
      const auto& cache = proto.jwt_cache_config();
      out->cache_size = cache.jwt_cache_size() > 0 ? cache.jwt_cache_size() : kTokens;
      out->max_cached_token = cache.jwt_max_token_size() > 0 ? cache.jwt_max_token_size() : kBytes;
    }
    out->locations.add(out->own_locations, out->issuer);
    if (!out->payload_header.empty()) out_.own_headers.push_back(out->payload_header);
    for (const auto& claim : out->claim_headers) out_.own_headers.push_back(claim.header);
    out_.providers.emplace(name, std::move(out));
  }

  static void set_output(const v3::JwtProvider& proto, JwtProvider& out) {
    out.payload_header = lower(proto.forward_payload_header());
    out.pad_payload = proto.pad_forward_payload_header();
    for (const auto& claim : proto.claim_to_headers())
      out.claim_headers.push_back({lower(claim.header_name()), to_path(claim.claim_name())});
    out.payload_in_metadata = proto.payload_in_metadata();
    out.header_in_metadata = proto.header_in_metadata();
    out.failure_in_metadata = proto.failed_status_in_metadata();
    const auto& words = proto.normalize_payload_in_metadata().space_delimited_claims();
    out.space_delimited.assign(words.begin(), words.end());
    out.clear_route_cache = proto.clear_route_cache();
  }

  void set_keys(const v3::JwtProvider& proto, const std::string& path, JwtProvider& out) {
    if (proto.has_remote_jwks()) {
      set_remote(proto.remote_jwks(), path + ".remote_jwks", out);
    } else if (proto.has_local_jwks()) {
      const std::string place = path + ".local_jwks";
      auto keys = Jwks::parse(to_bytes(proto.local_jwks(), context_, place, report_));
      if (keys) {
        out.local = std::move(*keys);
      } else {
        report_.error(place, keys.error().message);
      }
    } else {
      report_.error(path, "needs local_jwks or remote_jwks");
    }
  }

  void set_remote(const v3::RemoteJwks& proto, const std::string& path, JwtProvider& out) {
    JwksRemote::Config config;
    const auto& uri = proto.http_uri();
    const size_t scheme = uri.uri().find("://");
    const size_t host = scheme == std::string::npos ? 0 : scheme + 3;
    const size_t slash = uri.uri().find('/', host);
    config.request.cluster = uri.cluster();
    config.request.authority = uri.uri().substr(host, slash == std::string::npos ? slash : slash - host);
    config.request.path = slash == std::string::npos ? "/" : uri.uri().substr(slash);
    config.request.timeout = to_milliseconds(uri.timeout());
    config.request.most_bytes = Jwks::kMaxBytes;
    if (uri.cluster().empty()) report_.error(path + ".http_uri.cluster", "is required");
    if (config.request.authority.empty()) report_.error(path + ".http_uri.uri", "names no host");
    if (proto.has_cache_duration()) config.cache_duration = to_milliseconds(proto.cache_duration());
    config.ahead = proto.has_async_fetch();
    if (proto.async_fetch().has_failed_refetch_duration())
      config.failed_refetch =
          std::max(to_milliseconds(proto.async_fetch().failed_refetch_duration()), Milliseconds(1));
    if (proto.has_retry_policy()) set_retries(proto.retry_policy(), config);
    out.remote = std::make_shared<const JwksRemote>(std::move(config), out_.stats);
  }

  static void set_retries(const envoy::config::core::v3::RetryPolicy& proto, JwksRemote::Config& out) {
    constexpr uint32_t kMost = 100;
    out.retries = std::min(proto.has_num_retries() ? proto.num_retries().value() : 1, kMost);
    if (!proto.has_retry_back_off()) return;
    const auto& back_off = proto.retry_back_off();
    out.back_off_base = std::max(to_milliseconds(back_off.base_interval()), Milliseconds(1));
    out.back_off_max =
        back_off.has_max_interval() ? to_milliseconds(back_off.max_interval()) : 10 * out.back_off_base;
  }

  JwtRequirement to_requirement(const v3::JwtRequirement& proto, const std::string& path) {
    using Proto = v3::JwtRequirement;
    using Kind = JwtRequirement::Kind;
    JwtRequirement out;
    switch (proto.requires_type_case()) {
      case Proto::kProviderName: set_provider(proto.provider_name(), path + ".provider_name", out); break;
      case Proto::kProviderAndAudiences: {
        const auto& both = proto.provider_and_audiences();
        set_provider(both.provider_name(), path + ".provider_and_audiences.provider_name", out);
        if (!both.audiences().empty())
          out.audiences = JwtAudiences({both.audiences().begin(), both.audiences().end()});
        break;
      }
      case Proto::kRequiresAny: set_any(proto.requires_any(), path + ".requires_any", out); break;
      case Proto::kRequiresAll:
        out.kind = Kind::kAll;
        for (int i = 0; i < proto.requires_all().requirements_size(); ++i) {
          out.parts.push_back(to_requirement(proto.requires_all().requirements(i),
                                             path + ".requires_all.requirements[" + std::to_string(i) + "]"));
        }
        break;
      case Proto::kAllowMissing: set_lenient(Kind::kAllowMissing, out); break;
      case Proto::kAllowMissingOrFailed: set_lenient(Kind::kAllowMissingOrFailed, out); break;
      default: break;
    }
    return out;
  }

  void set_provider(const std::string& name, const std::string& path, JwtRequirement& out) {
    const auto found = out_.providers.find(name);
    if (found == out_.providers.end())
      return report_.error(path, "Required provider ['" + name + "'] is not configured.");
    out.kind = JwtRequirement::Kind::kProvider;
    out.provider = found->second.get();
  }

  void set_lenient(JwtRequirement::Kind kind, JwtRequirement& out) {
    out.kind = kind;
    for (const auto& [name, provider] : out_.providers)
      out.locations.add(provider->own_locations, provider->issuer);
  }

  void set_any(const v3::JwtRequirementOrList& list, const std::string& path, JwtRequirement& out) {
    out.kind = JwtRequirement::Kind::kAny;
    for (int i = 0; i < list.requirements_size(); ++i) {
      const auto& part = list.requirements(i);
      out.or_missing = out.or_missing || part.has_allow_missing();
      out.or_failed = out.or_failed || part.has_allow_missing_or_failed();
      if (part.has_allow_missing() || part.has_allow_missing_or_failed()) continue;
      out.parts.push_back(to_requirement(part, path + ".requirements[" + std::to_string(i) + "]"));
    }
    if (!out.parts.empty()) return;
    // Nothing but leave: it then looks at what is there, like one that stands alone.
    set_lenient(
        out.or_failed ? JwtRequirement::Kind::kAllowMissingOrFailed : JwtRequirement::Kind::kAllowMissing,
        out);
  }

  void read_rules(const v3::JwtAuthentication& proto, const std::string& path) {
    RouteConfig table;
    VirtualHost& host = table.virtual_hosts.emplace_back();
    host.domains = {"*"};
    for (int i = 0; i < proto.rules_size(); ++i) {
      const std::string place = path + ".rules[" + std::to_string(i) + "]";
      const auto& rule = proto.rules(i);
      host.routes.emplace_back().match = to_route_match(rule.match(), context_, place + ".match", report_);
      out_.rule_requirements.push_back(rule_requirement(rule, place));
    }
    auto compiled = RouteTable::compile(std::move(table));
    if (compiled) {
      out_.rules = std::move(*compiled);
    } else {
      report_.error(path + ".rules", compiled.error().message);
    }
  }

  JwtRequirement rule_requirement(const v3::RequirementRule& rule, const std::string& path) {
    if (rule.requirement_type_case() != v3::RequirementRule::kRequirementName)
      return to_requirement(rule.requires_(), path + ".requires");
    const auto found = out_.by_name.find(rule.requirement_name());
    if (found != out_.by_name.end()) return found->second;
    report_.error(path + ".requirement_name",
                  "Wrong requirement_name: " + rule.requirement_name() + ": it is not in requirement_map");
    return {};
  }

  const FilterFactoryContext& context_;
  ConfigReport& report_;
  JwtAuthnConfig& out_;
};

}  // namespace

std::shared_ptr<const FilterFactory> make_jwt_authn(const FilterSource& source,
                                                    const FilterFactoryContext& context,
                                                    ConfigReport& report) {
  v3::JwtAuthentication proto;
  if (!parse_config(source, proto, report)) return nullptr;
  const size_t errors_before = report.error_count();
  auto config = std::make_shared<JwtAuthnConfig>();
  const std::string own = proto.stat_prefix().empty() ? "" : "." + proto.stat_prefix();
  config->stats = http_scope(context, "jwt_authn" + own, kSchema);
  Reader(context, report, *config).read(proto, source.path);
  if (report.error_count() != errors_before) return nullptr;
  return std::make_shared<SharedFilterFactory<const JwtAuthnConfig, make_jwt_authn_filter>>(
      source.name, std::move(config));
}

std::shared_ptr<const RouteFilterConfig> make_route_jwt_authn(const FilterSource& source,
                                                              const FilterFactoryContext& /*context*/,
                                                              ConfigReport& report) {
  v3::PerRouteConfig proto;
  if (!parse_config(source, proto, report)) return nullptr;
  auto config = std::make_shared<JwtRouteConfig>();
  config->disabled = proto.disabled();
  config->requirement = proto.requirement_name();
  return config;
}

}  // namespace remora::filters

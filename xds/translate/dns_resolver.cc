#include "translate/dns_resolver.h"

#include "envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver.pb.h"
#include "translate/field_check.h"
#include "translate/typed_config.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

namespace core = envoy::config::core::v3;
using envoy::extensions::network::dns_resolver::cares::v3::CaresDnsResolverConfig;

DnsResolverConfig to_dns_resolver(const CaresDnsResolverConfig& config, Context& context) {
  check_fields(config, context);
  DnsResolverConfig out;
  out.servers = to_dns_servers(config.resolvers(), "resolvers", context);
  out.servers_are_fallback = config.use_resolvers_as_fallback();
  out.use_tcp = config.dns_resolver_options().use_tcp_for_dns_lookups();
  out.no_search = config.dns_resolver_options().no_default_search_domain();
  out.filter_unroutable = config.filter_unroutable_families();
  out.rotate_servers = config.rotate_nameservers();
  out.renew_on_timeout = config.reinit_channel_on_timeout();
  out.udp_max_queries = config.udp_max_queries().value();
  if (config.has_query_timeout_seconds()) {
    constexpr uint64_t kLongest = 3600;  // c-ares doubles it with each round of attempts
    if (config.query_timeout_seconds().value() > kLongest)
      context.error("query_timeout_seconds", "must be at most " + std::to_string(kLongest));
    out.query_timeout = Milliseconds(1000 * std::min(config.query_timeout_seconds().value(), kLongest));
  }
  if (config.has_query_tries()) out.query_tries = std::min(config.query_tries().value(), 1000u);
  out.edns_payload_size = config.edns0_max_payload_size().value();
  if (config.has_max_udp_channel_duration()) {
    out.longest_channel =
        to_milliseconds(config.max_udp_channel_duration(), "max_udp_channel_duration", context);
  }
  return out;
}

}  // namespace

std::vector<Address> to_dns_servers(const google::protobuf::RepeatedPtrField<core::Address>& servers,
                                    std::string_view field, Context& context) {
  std::vector<Address> out;
  for (int i = 0; i < servers.size(); ++i) {
    const auto scope = context.in(field, i);
    core::Address server = servers.Get(i);
    if (server.has_socket_address()) server.mutable_socket_address()->clear_protocol();  // says nothing here
    check_fields(server, context);
    if (!server.has_socket_address()) {
      context.error("must be an IP address");
      continue;
    }
    const auto socket = context.in("socket_address");
    const auto& at = server.socket_address();
    auto address = Address::ip(at.address(), static_cast<uint16_t>(at.port_value()));
    if (!address.ok()) {
      context.error("address", address.error().message);
    } else {
      out.push_back(*address);
    }
  }
  return out;
}

DnsResolverConfig to_dns_resolver(const core::DnsResolutionConfig& config, Context& context) {
  DnsResolverConfig out;
  out.servers = to_dns_servers(config.resolvers(), "resolvers", context);
  out.use_tcp = config.dns_resolver_options().use_tcp_for_dns_lookups();
  out.no_search = config.dns_resolver_options().no_default_search_domain();
  return out;
}

DnsResolverConfig to_dns_resolver(const core::TypedExtensionConfig& extension, Context& context) {
  const auto scope = context.in("typed_config");
  const TypedConfig config = unpack(extension.typed_config());
  if (const auto* cares = dynamic_cast<const CaresDnsResolverConfig*>(config.message.get()))
    return to_dns_resolver(*cares, context);
  refuse_extension("DNS resolver", extension.name(), config, context);
  return {};
}

}  // namespace remora::xds

#pragma once

#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/config/core/v3/resolver.pb.h"
#include "remora/config/dns.h"
#include "translate/context.h"

namespace remora::xds {

/// Standing at the extension.
DnsResolverConfig to_dns_resolver(const envoy::config::core::v3::TypedExtensionConfig& extension,
                                  Context& context);
/// Standing at the message.
DnsResolverConfig to_dns_resolver(const envoy::config::core::v3::DnsResolutionConfig& config,
                                  Context& context);
/// Standing at the message that has them as `field`.
std::vector<Address> to_dns_servers(
    const google::protobuf::RepeatedPtrField<envoy::config::core::v3::Address>& servers,
    std::string_view field, Context& context);

/// The older ways to say it, which clusters and the bootstrap share: the first one that is there counts.
template <typename Message>
bool set_older_resolver(const Message& message, Context& context, DnsResolverConfig& out) {
  if (message.has_typed_dns_resolver_config()) {
    const auto scope = context.in("typed_dns_resolver_config");
    out = to_dns_resolver(message.typed_dns_resolver_config(), context);
    return true;
  }
  if (!message.has_dns_resolution_config()) return false;
  const auto scope = context.in("dns_resolution_config");
  out = to_dns_resolver(message.dns_resolution_config(), context);
  return true;
}

}  // namespace remora::xds

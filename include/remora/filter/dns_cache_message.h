#pragma once

#include <memory>
#include <string>

#include "remora/config/dns_cache.h"
#include "remora/filter/registry.h"

namespace envoy::extensions::common::dynamic_forward_proxy::v3 {
class DnsCacheConfig;
}

namespace remora {

/// The cache that the message at `path` describes, shared with the cluster that names it. Null after an
/// error: one of that name has other settings. Implemented in xds/translate/for_filters.cc.
std::shared_ptr<const DnsCache> to_dns_cache(
    const envoy::extensions::common::dynamic_forward_proxy::v3::DnsCacheConfig& message,
    const FilterFactoryContext& context, const std::string& path, ConfigReport& report);

}  // namespace remora

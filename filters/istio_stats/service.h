#pragma once

#include <string_view>

#include "istio_stats/labels.h"
#include "remora/config/cluster.h"
#include "remora/http/exchange_info.h"

namespace remora::filters {

/// The name that Istio gives to traffic without a service ("PassthroughCluster", "BlackHoleCluster", ...), by
/// the route's or the cluster's name; "" for traffic with one. The text is static.
std::string_view special_service(const ExchangeInfo& info);

/// Whether the cluster's metadata says which service it belongs to (`istio.services`).
bool names_service(const Metadata& cluster);

/// The service of a request. `cluster` may be null; `host` is the Host header where that may name it, else
/// empty.
Service service_of(const Metadata* cluster, std::string_view special, std::string_view host);

}  // namespace remora::filters

#include "remora/filter/registry.h"

#include <algorithm>
#include <iterator>

#include "common/proto_config.h"
#include "grpc_stats/grpc_stats.h"
#include "istio_stats/istio_stats.h"
#include "peer_metadata/peer_metadata.h"

namespace remora {
namespace {

using filters::FilterSource;
using Maker = std::shared_ptr<const FilterFactory> (*)(const FilterSource&, const FilterFactoryContext&,
                                                       ConfigReport&);

struct KnownFilter {
  std::string_view type;        // the message's full name
  Maker make = nullptr;         // null: left out of the chain
  std::string_view left_out{};  // and this is why nothing is lost
};

// Every HTTP filter of this build. What is not here is refused by name.
constexpr KnownFilter kFilters[] = {
    {.type = "io.istio.http.peer_metadata.Config", .make = filters::make_peer_metadata},
    {.type = "stats.PluginConfig", .make = filters::make_istio_stats},
    {.type = "istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig",
     .left_out =
         "is left out: it chooses the ALPN of TLS connections to upstreams, and this build makes none"},
    {.type = "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig", .make = filters::make_grpc_stats},
};

const KnownFilter* find_filter(std::string_view type_url) {
  const size_t slash = type_url.rfind('/');
  const std::string_view type = slash == std::string_view::npos ? type_url : type_url.substr(slash + 1);
  const auto* found = std::ranges::find(kFilters, type, &KnownFilter::type);
  return found == std::end(kFilters) ? nullptr : found;
}

}  // namespace

std::shared_ptr<const FilterFactory> make_filter(std::string_view name, std::string_view type_url,
                                                 std::string_view serialized, bool is_struct,
                                                 const FilterFactoryContext& context, const std::string& path,
                                                 ConfigReport& report) {
  const KnownFilter* filter = find_filter(type_url);
  if (filter == nullptr) {
    report.error(path, "the filter type " + std::string(type_url) + " is not implemented by this build");
    return nullptr;
  }
  if (filter->make == nullptr) {
    report.warning(path, "the filter " + std::string(name) + " " + std::string(filter->left_out));
    return nullptr;
  }
  if (is_struct) {  // the caller turns a Struct into the message where it knows that, and it knows all of the
                    // above
    report.error(
        path, "the configuration of " + std::string(name) + " is a Struct, not " + std::string(filter->type));
    return nullptr;
  }
  return filter->make({name, serialized, path}, context, report);
}

bool knows_filter(std::string_view type_url) { return find_filter(type_url) != nullptr; }

}  // namespace remora

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "remora/config/listener.h"
#include "translate/context.h"

namespace remora {
struct FilterFactoryContext;
}

namespace remora::xds {

using ProtoHttpFilter = envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter;

/// Where a filter stands.
struct FilterPlace {
  std::string stat_prefix;  // of its connection manager
  TrafficDirection direction = TrafficDirection::kUnspecified;
  bool is_last = false;  // where the router belongs
};

FilterFactoryContext factory_context_of(const FilterPlace& place, const Environment& environment);

/// An entry of http_filters whose configuration comes by itself (config_discovery, ECDS): what may come for
/// it, and what it is then. Immutable. Source: envoy.config.core.v3.ExtensionConfigSource.
class ExtensionFilter {
 public:
  struct Made {
    std::shared_ptr<const FilterFactory> factory;  // never null
    bool suppress_envoy_headers = false;           // of a router
  };

  /// The context stands at the filter. Errors: no source, types that this build does not know, a default
  /// that it would not take. Null after one.
  static std::shared_ptr<const ExtensionFilter> read(const ProtoHttpFilter& filter, FilterPlace place,
                                                     Context& context);

  /// None of its type_urls is of this build.
  static bool is_unknown(const ProtoHttpFilter& filter);
  /// With a configuration that has come. Errors are recorded, the context standing at it: then it means
  /// nothing.
  [[nodiscard]] Made make(const google::protobuf::Any& config, Context& context) const;
  /// Without one: its default_config, or a filter that answers 500 (flag NFCF), as Envoy's.
  [[nodiscard]] const Made& fallback() const { return fallback_; }
  /// apply_default_config_without_warming is not set.
  [[nodiscard]] bool is_waited_for() const { return is_waited_for_; }
  [[nodiscard]] const FilterPlace& place() const { return place_; }

 private:
  ExtensionFilter(std::string name, FilterPlace place) : name_(std::move(name)), place_(std::move(place)) {}
  void read_types(const envoy::config::core::v3::ExtensionConfigSource& source, Context& context);

  std::string name_;
  FilterPlace place_;
  std::vector<std::string> types_;  // full names
  bool is_waited_for_ = true;
  Made fallback_;
};

}  // namespace remora::xds

#include "client/runtime_layers.h"

#include "translate/values.h"

namespace remora::xds {
namespace {

void flatten(const MetadataValue::Object& object, const std::string& prefix,
             std::map<std::string, std::string>& out) {
  for (const auto& [key, value] : object) {
    const std::string name = prefix.empty() ? key : prefix + "." + key;
    if (const auto* inner = value.object()) {
      flatten(*inner, name, out);
    } else {
      out[name] = value.text();
    }
  }
}

/// Switches of Envoy's own code, which have no counterpart here.
bool is_envoy_feature(const std::string& key) {
  return key.starts_with("envoy.reloadable_features.") || key.starts_with("envoy.restart_features.");
}

}  // namespace

std::map<std::string, std::string> flatten_runtime(const envoy::config::bootstrap::v3::Bootstrap& bootstrap,
                                                   Context& context) {
  std::map<std::string, std::string> out;
  const auto scope = context.in("layered_runtime");
  const auto& layers = bootstrap.layered_runtime().layers();
  for (int i = 0; i < layers.size(); ++i) {
    const auto at = context.in("layers", i);
    flatten(to_metadata(layers[i].static_layer()), {}, out);
  }
  for (const auto& [key, value] : out) {
    if (is_envoy_feature(key))
      context.warning("the key '" + key + "' has no effect: it switches Envoy's own code");
  }
  return out;
}

}  // namespace remora::xds

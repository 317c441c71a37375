#include "remora/config/scoped_routes.h"

#include "translate/field_check.h"
#include "translate/listener.h"
#include "translate/route.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

namespace hcm_v3 = envoy::extensions::filters::network::http_connection_manager::v3;
using envoy::config::route::v3::ScopedRouteConfiguration;
using ProtoExtractor = hcm_v3::ScopedRoutes::ScopeKeyBuilder::FragmentBuilder::HeaderValueExtractor;

ScopeKeyPart to_part(const ProtoExtractor& extractor, Context& context) {
  ScopeKeyPart out;
  out.header = lower(extractor.name());
  out.separator = extractor.element_separator();
  switch (extractor.extract_type_case()) {
    case ProtoExtractor::kElement:
      out.element = ScopeKeyPart::Element{extractor.element().key(), extractor.element().separator()};
      break;
    case ProtoExtractor::kIndex:
      out.index = extractor.index();
      if (out.index > 0 && out.separator.empty())
        context.error("index", "must be 0 without an element_separator");
      break;
    default: context.error("one of index and element is required");
  }
  return out;
}

class Reader {
 public:
  Reader(const hcm_v3::ScopedRoutes& proto, const std::string& stat_prefix, Context& context,
         std::vector<TranslatedListener::Routes>& needs)
      : proto_(proto),
        stat_prefix_(stat_prefix),
        context_(context),
        needs_(needs) {}

  std::shared_ptr<const ScopedRoutes> read() {
    const auto key = key_parts();
    if (proto_.has_rds_config_source()) {
      source_ = std::make_shared<const ResourceSource>(
          to_resource_source(proto_.rds_config_source(), "rds_config_source", context_));
    }
    const auto list = context_.in("scoped_route_configurations_list");
    const auto& scopes = proto_.scoped_route_configurations_list().scoped_route_configurations();
    std::vector<RouteScope> made;
    for (int i = 0; i < scopes.size(); ++i) {
      const auto at = context_.in("scoped_route_configurations", i);
      made.push_back(scope(scopes[i], key.size()));
    }
    auto compiled = ScopedRoutes::compile(proto_.name(), key, std::move(made));
    if (compiled) return std::move(*compiled);
    context_.error(compiled.error().message);
    return nullptr;
  }

 private:
  std::vector<ScopeKeyPart> key_parts() {
    std::vector<ScopeKeyPart> out;
    const auto scope = context_.in("scope_key_builder");
    for (int i = 0; i < proto_.scope_key_builder().fragments_size(); ++i) {
      const auto at = context_.in("fragments", i);
      const auto field = context_.in("header_value_extractor");
      out.push_back(to_part(proto_.scope_key_builder().fragments(i).header_value_extractor(), context_));
    }
    return out;
  }

  RouteScope scope(const ScopedRouteConfiguration& proto, size_t parts) {
    RouteScope out;
    out.name = proto.name();
    for (const auto& fragment : proto.key().fragments()) out.key.push_back(fragment.string_key());
    if (out.key.size() != parts) {
      context_.warning("key", "has " + std::to_string(out.key.size()) + " fragments, requests' keys have " +
                                  std::to_string(parts) + ": no request is in this scope");
    }
    if (proto.has_route_configuration() == !proto.route_configuration_name().empty()) {
      context_.error("exactly one of route_configuration and route_configuration_name is required");
    } else if (proto.has_route_configuration()) {
      const auto field = context_.in("route_configuration");
      out.routes = translate_routes(proto.route_configuration(), {}, true, context_);
    } else {
      add_need(proto.route_configuration_name(), out);
    }
    return out;
  }

  void add_need(const std::string& name, RouteScope& out) {
    if (source_ == nullptr)
      return context_.error("route_configuration_name", "needs the scoped routes' rds_config_source");
    out.rds_name = resource_key(name, source_->key);
    needs_.push_back({out.rds_name, name, stat_prefix_, source_});
  }

  const hcm_v3::ScopedRoutes& proto_;
  const std::string& stat_prefix_;
  Context& context_;
  std::vector<TranslatedListener::Routes>& needs_;
  std::shared_ptr<const ResourceSource> source_;
};

}  // namespace

std::shared_ptr<const ScopedRoutes> to_scoped_routes(const hcm_v3::ScopedRoutes& proto,
                                                     const std::string& stat_prefix, Context& context,
                                                     std::vector<TranslatedListener::Routes>& needs) {
  return Reader(proto, stat_prefix, context, needs).read();
}

}  // namespace remora::xds

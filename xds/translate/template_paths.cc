// URI templates in routes: path_match_policy, path_rewrite_policy.

#include "envoy/extensions/path/match/uri_template/v3/uri_template_match.pb.h"
#include "envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite.pb.h"
#include "translate/route.h"
#include "translate/typed_config.h"
#include "translate/uri_template.h"

namespace remora::xds {
namespace {

using envoy::extensions::path::match::uri_template::v3::UriTemplateMatchConfig;
using envoy::extensions::path::rewrite::uri_template::v3::UriTemplateRewriteConfig;

Regex compile(const std::string& expression, Context& context) {
  auto compiled = Regex::compile(expression);
  if (compiled) return std::move(*compiled);
  context.error(compiled.error().message);
  return {};
}

}  // namespace

PathMatch to_template_match(const envoy::config::core::v3::TypedExtensionConfig& policy, Context& context) {
  PathMatch out;
  out.kind = PathMatch::Kind::kTemplate;
  const auto scope = context.in("path_match_policy");
  const auto config_scope = context.in("typed_config");
  const TypedConfig config = unpack(policy.typed_config());
  const auto* message = dynamic_cast<const UriTemplateMatchConfig*>(config.message.get());
  if (message == nullptr) {
    context.error("must be a UriTemplateMatchConfig");
    return out;
  }
  out.value = message->path_template();
  const auto field = context.in("path_template");
  auto parsed = parse_uri_template(out.value);
  if (parsed) {
    out.regex = compile(parsed->expression, context);
  } else {
    context.error(parsed.error().message);
  }
  return out;
}

void set_template_rewrite(const envoy::config::route::v3::RouteAction& action, const PathMatch& path,
                          Context& context, RareValue<PathRewrite>& out) {
  const bool is_template = path.kind == PathMatch::Kind::kTemplate;
  if (is_template && !action.prefix_rewrite().empty())
    context.error("prefix_rewrite", "cannot be used with path_match_policy");
  if (!action.has_path_rewrite_policy()) return;
  const auto scope = context.in("path_rewrite_policy");
  if (out->kind != PathRewrite::Kind::kNone)
    return context.error(
        "only one of prefix_rewrite, regex_rewrite, path_rewrite and path_rewrite_policy can be set");
  if (!is_template) return context.error("needs a path_match_policy");
  const auto config_scope = context.in("typed_config");
  const TypedConfig config = unpack(action.path_rewrite_policy().typed_config());
  const auto* message = dynamic_cast<const UriTemplateRewriteConfig*>(config.message.get());
  if (message == nullptr) return context.error("must be a UriTemplateRewriteConfig");
  const auto parsed = parse_uri_template(path.value);
  if (!parsed) return;  // reported where the template stands
  const auto field = context.in("path_template_rewrite");
  auto substitution = to_substitution(message->path_template_rewrite(), *parsed);
  if (!substitution) return context.error(substitution.error().message);
  // The whole path is replaced: nothing may be left on either side.
  out = PathRewrite{PathRewrite::Kind::kRegex, std::move(*substitution),
                    compile("\\A" + parsed->expression + "\\z", context)};
}

}  // namespace remora::xds

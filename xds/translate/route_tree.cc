#include "translate/route_tree.h"

#include <algorithm>
#include <utility>

#include "envoy/extensions/matching/common_inputs/network/v3/network_inputs.pb.h"
#include "envoy/type/matcher/v3/http_inputs.pb.h"
#include "translate/matchers.h"
#include "translate/typed_config.h"
#include "translate/values.h"
#include "xds/type/matcher/v3/matcher.pb.h"

namespace remora::xds {
namespace {

namespace route_v3 = envoy::config::route::v3;
using envoy::extensions::matching::common_inputs::network::v3::FilterStateInput;
using envoy::type::matcher::v3::HttpRequestHeaderMatchInput;
using ::xds::core::v3::TypedExtensionConfig;
using ::xds::type::matcher::v3::Matcher;
using ProtoPredicate = Matcher::MatcherList::Predicate;

constexpr int kMaxDepth = 32;

/// The matchers of xds are those of Envoy by another name.
StringMatcher to_value(const ::xds::type::matcher::v3::StringMatcher& matcher, Context& context) {
  using Proto = ::xds::type::matcher::v3::StringMatcher;
  envoy::type::matcher::v3::StringMatcher same;
  same.set_ignore_case(matcher.ignore_case());
  switch (matcher.match_pattern_case()) {
    case Proto::kExact: same.set_exact(matcher.exact()); break;
    case Proto::kPrefix: same.set_prefix(matcher.prefix()); break;
    case Proto::kSuffix: same.set_suffix(matcher.suffix()); break;
    case Proto::kContains: same.set_contains(matcher.contains()); break;
    case Proto::kSafeRegex: same.mutable_safe_regex()->set_regex(matcher.safe_regex().regex()); break;
    default: return {};  // refused already
  }
  return to_string_matcher(same, context);
}

RouteInput to_input(const TypedExtensionConfig& input, Context& context) {
  const auto scope = context.in("input");
  const TypedConfig config = unpack(input.typed_config());
  if (const auto* header = dynamic_cast<const HttpRequestHeaderMatchInput*>(config.message.get()))
    return {false, lower(header->header_name())};
  if (const auto* state = dynamic_cast<const FilterStateInput*>(config.message.get()))
    return {true, state->key()};
  context.error("typed_config", "routes can be chosen by request headers and filter state only");
  return {};
}

class Reader {
 public:
  Reader(const RouteLimits& limits, Context& context, VirtualHost& out)
      : limits_(limits),
        context_(context),
        out_(out),
        above_(context.path().size()) {}

  std::shared_ptr<const RouteTree> tree(const Matcher& matcher) {  // NOLINT: recursion as deep as kMaxDepth
    auto out = std::make_shared<RouteTree>();
    if (++depth_ > kMaxDepth) {
      context_.error("is deeper than " + std::to_string(kMaxDepth));
    } else {
      if (matcher.has_matcher_list()) read_list(matcher.matcher_list(), *out);
      if (matcher.has_matcher_tree()) read_maps(matcher.matcher_tree(), *out);
      if (matcher.has_on_no_match()) {
        const auto scope = context_.in("on_no_match");
        out->on_no_match = branch(matcher.on_no_match());
      }
    }
    --depth_;
    return out;
  }

 private:
  void read_list(const Matcher::MatcherList& list, RouteTree& out) {  // NOLINT: likewise
    const auto scope = context_.in("matcher_list");
    out.kind = RouteTree::Kind::kList;
    for (int i = 0; i < list.matchers_size(); ++i) {
      const auto item = context_.in("matchers", i);
      RoutePredicate condition;
      {
        const auto field = context_.in("predicate");
        condition = predicate(list.matchers(i).predicate());
      }
      const auto field = context_.in("on_match");
      out.list.emplace_back(std::move(condition), branch(list.matchers(i).on_match()));
    }
  }

  void read_maps(const Matcher::MatcherTree& maps, RouteTree& out) {  // NOLINT: likewise
    const auto scope = context_.in("matcher_tree");
    out.input = to_input(maps.input(), context_);
    const bool exact = maps.has_exact_match_map();
    if (!exact && !maps.has_prefix_match_map()) return;  // refused already
    out.kind = exact ? RouteTree::Kind::kExact : RouteTree::Kind::kPrefix;
    const auto& map = exact ? maps.exact_match_map().map() : maps.prefix_match_map().map();
    const auto field = context_.in(exact ? "exact_match_map" : "prefix_match_map");
    std::vector<std::string> keys;  // in an order that does not change from one reading to the next
    for (const auto& [key, value] : map) keys.push_back(key);
    std::ranges::sort(keys);
    for (const auto& key : keys) {
      const auto entry = context_.in_key("map", key);
      out.map.emplace_back(key, branch(map.at(key)));
    }
  }

  RoutePredicate predicate(const ProtoPredicate& proto) {  // NOLINT: likewise
    RoutePredicate out;
    if (++depth_ > kMaxDepth) {
      context_.error("is deeper than " + std::to_string(kMaxDepth));
    } else if (proto.has_single_predicate()) {
      const auto scope = context_.in("single_predicate");
      out.input = to_input(proto.single_predicate().input(), context_);
      const auto field = context_.in("value_match");
      out.value = to_value(proto.single_predicate().value_match(), context_);
    } else if (proto.has_not_matcher()) {
      const auto scope = context_.in("not_matcher");
      out.kind = RoutePredicate::Kind::kNot;
      out.parts.push_back(predicate(proto.not_matcher()));
    } else {
      const bool all = proto.has_and_matcher();
      const auto scope = context_.in(all ? "and_matcher" : "or_matcher");
      out.kind = all ? RoutePredicate::Kind::kAnd : RoutePredicate::Kind::kOr;
      const auto& parts = all ? proto.and_matcher().predicate() : proto.or_matcher().predicate();
      for (int i = 0; i < parts.size(); ++i) {
        const auto part = context_.in("predicate", i);
        out.parts.push_back(predicate(parts[i]));
      }
    }
    --depth_;
    return out;
  }

  RouteBranch branch(const Matcher::OnMatch& proto) {  // NOLINT: likewise
    RouteBranch out;
    if (proto.has_matcher()) {
      const auto scope = context_.in("matcher");
      out.tree = tree(proto.matcher());
    } else {
      const auto scope = context_.in("action");
      out.group = group(proto.action());
    }
    return out;
  }

  uint32_t group(const TypedExtensionConfig& action) {
    const auto number = static_cast<uint32_t>(out_.groups.size());
    const auto scope = context_.in("typed_config");
    RouteGroup made{static_cast<uint32_t>(out_.routes.size()), 0, context_.path().substr(above_ + 1)};
    const TypedConfig config = unpack(action.typed_config());
    if (const auto* one = dynamic_cast<const route_v3::Route*>(config.message.get())) {
      out_.routes.push_back(to_route(*one, limits_, context_));
    } else if (const auto* list = dynamic_cast<const route_v3::RouteList*>(config.message.get())) {
      for (int i = 0; i < list->routes_size(); ++i) {
        const auto item = context_.in("routes", i);
        out_.routes.push_back(to_route(list->routes(i), limits_, context_));
      }
    } else {
      context_.error("the action must be a Route or a RouteList");
    }
    made.count = static_cast<uint32_t>(out_.routes.size()) - made.first;
    out_.groups.push_back(std::move(made));
    return number;
  }

  const RouteLimits& limits_;
  Context& context_;
  VirtualHost& out_;
  const size_t above_;  // the length of the path to the virtual host
  int depth_ = 0;
};

}  // namespace

void set_route_tree(const route_v3::VirtualHost& host, const RouteLimits& limits, Context& context,
                    VirtualHost& out) {
  if (!host.has_matcher()) return;
  if (host.routes_size() > 0) return context.error("matcher", "cannot stand beside routes");
  Reader reader(limits, context, out);
  const auto scope = context.in("matcher");
  out.tree = reader.tree(host.matcher());
}

}  // namespace remora::xds

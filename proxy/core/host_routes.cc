#include "core/host_routes.h"

#include <span>

#include "core/route_conditions.h"
#include "core/shadowed_routes.h"
#include "remora/config/route_search.h"
#include "remora/http/path.h"

namespace remora {
namespace {

std::span<const Route> routes_of(const VirtualHost& host, const RouteGroup& group) {
  return std::span(host.routes).subspan(group.first, group.count);
}

bool has_only_one_for_every_path(const VirtualHost& host) {
  if (host.tree != nullptr || host.routes.size() != 1) return false;
  const PathMatch& path = host.routes.front().match.path;
  return path.kind == PathMatch::Kind::kPrefix && path.value == "/";
}

}  // namespace

HostRoutes::HostRoutes(const VirtualHost& host, bool ignore_parameters) : host_(host) {
  if (has_only_one_for_every_path(host)) return;
  if (host.tree == nullptr) {
    groups_.push_back({0, PathIndex(host.routes, ignore_parameters)});
    return;
  }
  for (const RouteGroup& group : host.groups)
    groups_.push_back({group.first, PathIndex(routes_of(host, group), ignore_parameters)});
  tree_ = std::make_unique<const RouteTreeIndex>(*host.tree);
}

const HostRoutes::Group* HostRoutes::group_of(const HeaderMap& head, const RouteFacts& facts) const {
  if (!tree_) return groups_.data();
  const uint32_t number = tree_->find(head, facts.filter_state);
  return number == RouteTreeIndex::kNone ? nullptr : &groups_[number];
}

uint32_t HostRoutes::match_only_route(const HeaderMap& head, uint64_t random, const RouteFacts& facts) const {
  const PathParts parts = split_path(head.path());
  const RouteQuestion question{head, parts.query, random, facts};
  const bool matches = parts.path.starts_with('/') && conditions_hold(host_.routes.front().match, question);
  return matches ? 0 : Candidates::kNone;
}

uint32_t HostRoutes::match(const HeaderMap& head, uint64_t random, const RouteFacts& facts) const {
  if (groups_.empty() && !tree_) return match_only_route(head, random, facts);
  const Group* group = group_of(head, facts);
  if (group == nullptr) return Candidates::kNone;
  const uint32_t position = group->index.match(head, random, facts);
  return position == Candidates::kNone ? position : group->first + position;
}

uint32_t HostRoutes::explain(const HeaderMap& head, uint64_t random, const RouteFacts& facts, size_t limit,
                             RouteSearch& search) const {
  if (groups_.empty() && !tree_) return PathIndex(host_.routes).explain(head, random, facts, limit, search);
  const Group* group = group_of(head, facts);
  if (group == nullptr) return Candidates::kNone;
  if (tree_) search.action = host_.groups[static_cast<size_t>(group - groups_.data())].place;
  const uint32_t position = group->index.explain(head, random, facts, limit, search);
  for (auto& earlier : search.earlier) earlier.position += group->first;
  return position == Candidates::kNone ? position : group->first + position;
}

std::vector<ShadowedRoute> HostRoutes::shadowed() const {
  if (groups_.empty()) return {};
  if (!tree_) return find_shadowed(host_.routes, groups_.front().index);
  std::vector<ShadowedRoute> all;
  for (size_t i = 0; i < groups_.size(); ++i) {
    const Group& group = groups_[i];
    for (const auto& found : find_shadowed(routes_of(host_, host_.groups[i]), group.index))
      all.push_back({group.first + found.position, group.first + found.by});
  }
  return all;
}

}  // namespace remora

#include "kube/target.h"

#include <algorithm>
#include <vector>

#include "web/percent.h"

namespace remora::kube {
namespace {

using Parts = std::vector<std::string>;

/// Percent-decoded after splitting, so that an escaped slash stays inside its part. Empty parts do not count.
Parts split(std::string_view path) {
  Parts parts;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(part.size() + 1, path.size()));
    if (!part.empty()) parts.push_back(web::percent_decode(part, web::Plus::kIsPlus));
  }
  return parts;
}

bool has_version(const store::Kind& kind, std::string_view version) {
  return std::find(kind.versions.begin(), kind.versions.end(), version) != kind.versions.end();
}

const store::Kind* kind_of_plural(std::string_view group, std::string_view version, std::string_view plural) {
  for (const store::Kind& kind : store::kinds()) {
    if (kind.group == group && kind.plural == plural && has_version(kind, version)) return &kind;
  }
  return nullptr;
}

bool group_has(std::string_view group, std::string_view version) {
  return std::any_of(store::kinds().begin(), store::kinds().end(), [&](const store::Kind& kind) {
    return kind.group == group && (version.empty() || has_version(kind, version));
  });
}

/// PLURAL[/NAME[/status]] from `at` on.
Target objects(Target target, const Parts& parts, size_t at) {
  target.kind = kind_of_plural(target.group, target.version, parts[at]);
  if (target.kind == nullptr || parts.size() > at + 3) return {};
  if (parts.size() > at + 1) target.name = parts[at + 1];
  if (parts.size() > at + 2) target.subresource = parts[at + 2];
  const bool has_subresource = target.subresource == "status" && target.kind->has_status;
  if (!target.subresource.empty() && !has_subresource) return {};
  // An object of a namespace is reached through it; only a list reaches over all of them.
  if (target.kind->namespaced == target.ns.empty() && !(target.kind->namespaced && target.name.empty()))
    return {};
  target.what = Target::What::kObjects;
  return target;
}

/// What follows /api/v1 or /apis/GROUP/VERSION.
Target in_group(Target target, const Parts& parts, size_t at) {
  if (!group_has(target.group, target.version)) return {};
  if (parts.size() == at) {
    target.what = Target::What::kResources;
    return target;
  }
  const bool through_namespace =
      parts[at] == "namespaces" && parts.size() > at + 2 && parts[at + 2] != "status";
  if (!through_namespace) return objects(std::move(target), parts, at);
  target.ns = parts[at + 1];
  return objects(std::move(target), parts, at + 2);
}

}  // namespace

Target parse_target(std::string_view path) {
  using What = Target::What;
  const Parts parts = split(path);
  if (parts.empty()) return {.what = What::kPaths};
  const std::string& first = parts[0];
  if (first == "openapi")
    return {.what = What::kOpenApi, .rest = std::string(path.substr(path.find("openapi") + 7))};
  if (first == "api") {
    if (parts.size() == 1) return {.what = What::kCore};
    return in_group({.version = parts[1]}, parts, 2);
  }
  if (first == "apis") {
    if (parts.size() == 1) return {.what = What::kGroups};
    if (parts.size() > 2) return in_group({.group = parts[1], .version = parts[2]}, parts, 3);
    return group_has(parts[1], "") && !parts[1].empty() ? Target{.what = What::kGroup, .group = parts[1]}
                                                        : Target{};
  }
  if (parts.size() > 1) return {};
  if (first == "version") return {.what = What::kVersion};
  if (first == "healthz" || first == "livez" || first == "readyz") return {.what = What::kHealth};
  return {};
}

}  // namespace remora::kube

#include "kube/discovery.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <cctype>

namespace remora::kube {
namespace {

namespace json = boost::json;
using store::Kind;

const std::vector<std::string_view> kVerbs{"delete", "deletecollection", "get",    "list",
                                           "patch",  "create",           "update", "watch"};
const std::vector<std::string_view> kStatusVerbs{"get", "patch", "update"};

json::array words(const std::vector<std::string_view>& list) {
  json::array out;
  for (const std::string_view word : list) out.push_back(json::value(word));
  return out;
}

std::string group_version(std::string_view group, std::string_view version) {
  return (group.empty() ? "" : std::string(group) + '/') + std::string(version);
}

/// Groups other than the core group, in the order of the kinds.
std::vector<std::string_view> named_groups() {
  std::vector<std::string_view> groups;
  for (const Kind& kind : store::kinds()) {
    if (!kind.group.empty() && std::find(groups.begin(), groups.end(), kind.group) == groups.end()) {
      groups.push_back(kind.group);
    }
  }
  return groups;
}

/// A group's versions, preferred first.
std::vector<std::string_view> versions_of(std::string_view group) {
  for (const Kind& kind : store::kinds()) {
    if (kind.group == group) return kind.versions;
  }
  return {};
}

template <typename Each>
void each_kind(std::string_view group, std::string_view version, Each each) {
  for (const Kind& kind : store::kinds()) {
    const auto& versions = kind.versions;
    if (kind.group == group && std::find(versions.begin(), versions.end(), version) != versions.end())
      each(kind);
  }
}

// --- each document by itself
// --------------------------------------------------------------------------------

json::object group_entry(std::string_view group) {
  const auto versions = versions_of(group);
  json::array list;
  for (const std::string_view version : versions) {
    list.push_back({{"groupVersion", group_version(group, version)}, {"version", version}});
  }
  return {
      {"name", group},
      {"versions", std::move(list)},
      {"preferredVersion", {{"groupVersion", group_version(group, versions[0])}, {"version", versions[0]}}}};
}

json::object group_document(std::string_view group) {
  json::object out{{"kind", "APIGroup"}, {"apiVersion", "v1"}};
  for (auto& field : group_entry(group)) out[field.key()] = field.value();
  return out;
}

json::object group_list() {
  json::array groups;
  for (const std::string_view group : named_groups()) groups.push_back(group_entry(group));
  return {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}};
}

json::object resource_list(std::string_view group, std::string_view version) {
  json::array resources;
  each_kind(group, version, [&](const Kind& kind) {
    json::object entry{{"name", kind.plural},
                       {"singularName", kind.singular},
                       {"namespaced", kind.namespaced},
                       {"kind", kind.kind},
                       {"verbs", words(kVerbs)}};
    if (!kind.short_names.empty()) entry["shortNames"] = words(kind.short_names);
    if (!kind.categories.empty()) entry["categories"] = words(kind.categories);
    resources.push_back(std::move(entry));
    if (!kind.has_status) return;
    resources.push_back({{"name", std::string(kind.plural) + "/status"},
                         {"singularName", ""},
                         {"namespaced", kind.namespaced},
                         {"kind", kind.kind},
                         {"verbs", words(kStatusVerbs)}});
  });
  return {{"kind", "APIResourceList"},
          {"apiVersion", "v1"},
          {"groupVersion", group_version(group, version)},
          {"resources", std::move(resources)}};
}

json::object paths() {
  json::array out{"/api",        "/api/v1",     "/apis",   "/healthz", "/livez",
                  "/openapi/v2", "/openapi/v3", "/readyz", "/version"};
  for (const std::string_view group : named_groups()) {
    out.push_back(json::value("/apis/" + std::string(group)));
    for (const std::string_view version : versions_of(group)) {
      out.push_back(json::value("/apis/" + group_version(group, version)));
    }
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.as_string() < b.as_string(); });
  return {{"paths", std::move(out)}};
}

// --- all of them in one (aggregated discovery)
// --------------------------------------------------------------

json::object response_kind(const Kind& kind, std::string_view version) {
  return {{"group", kind.group}, {"version", version}, {"kind", kind.kind}};
}

json::object aggregated_resource(const Kind& kind, std::string_view version) {
  json::object out{{"resource", kind.plural},
                   {"responseKind", response_kind(kind, version)},
                   {"scope", kind.namespaced ? "Namespaced" : "Cluster"},
                   {"singularResource", kind.singular},
                   {"verbs", words(kVerbs)}};
  if (!kind.short_names.empty()) out["shortNames"] = words(kind.short_names);
  if (!kind.categories.empty()) out["categories"] = words(kind.categories);
  if (kind.has_status) {
    out["subresources"] = json::array{json::object{{"subresource", "status"},
                                                   {"responseKind", response_kind(kind, version)},
                                                   {"verbs", words(kStatusVerbs)}}};
  }
  return out;
}

json::object aggregated_group(std::string_view group) {
  json::array versions;
  for (const std::string_view version : versions_of(group)) {
    json::array resources;
    each_kind(group, version,
              [&](const Kind& kind) { resources.push_back(aggregated_resource(kind, version)); });
    versions.push_back({{"version", version}, {"resources", std::move(resources)}, {"freshness", "Current"}});
  }
  json::object metadata{{"creationTimestamp", nullptr}};
  if (!group.empty()) metadata["name"] = group;
  return {{"metadata", std::move(metadata)}, {"versions", std::move(versions)}};
}

json::object aggregated(const Call& call) {
  json::array groups;
  if (call.target.what == Target::What::kCore) {
    groups.push_back(aggregated_group(""));
  } else {
    for (const std::string_view group : named_groups()) groups.push_back(aggregated_group(group));
  }
  return {{"kind", "APIGroupDiscoveryList"},
          {"apiVersion", "apidiscovery.k8s.io/" + call.accept.version},
          {"metadata", json::object()},
          {"items", std::move(groups)}};
}

}  // namespace

json::object discovery(const Call& call) {
  using What = Target::What;
  if (call.accept.form == Accept::Form::kDiscovery) return aggregated(call);
  switch (call.target.what) {
    case What::kCore:
      return {{"kind", "APIVersions"},
              {"versions", json::array{"v1"}},
              {"serverAddressByClientCIDRs", json::array()}};
    case What::kGroups: return group_list();
    case What::kGroup: return group_document(call.target.group);
    case What::kResources: return resource_list(call.target.group, call.target.version);
    default: return paths();
  }
}

json::object version_info(const std::string& build) {
  // Clients parse this: what follows the plus may hold letters, digits, dots and dashes only.
  std::string metadata = build;
  for (char& c : metadata) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.') c = '-';
  }
  return {{"major", "1"},    {"minor", "34"},      {"gitVersion", "v1.34.0+" + metadata},
          {"gitCommit", ""}, {"gitTreeState", ""}, {"buildDate", ""},
          {"goVersion", ""}, {"compiler", ""},     {"platform", "linux/amd64"}};
}

}  // namespace remora::kube

#include "rollout/pod_template.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "rollout/json_fields.h"

namespace remora::rollout {
namespace {

namespace json = boost::json;

constexpr std::string_view kGitOpsMarker = "toolkit.fluxcd.io";
constexpr std::array<std::string_view, 3> kSelectorLabels{"app", "name", "app.kubernetes.io/name"};

class Fnv {
 public:
  void add(std::string_view text) {
    for (const unsigned char c : text) hash_ = (hash_ ^ c) * 1099511628211ULL;
  }

  void add_value(const json::value& value) {
    if (const auto* object = value.if_object()) return add_members(*object);
    if (const auto* array = value.if_array()) {
      add("[");
      for (const json::value& item : *array) {
        add_value(item);
        add(",");
      }
      return add("]");
    }
    add(json::serialize(value));
  }

  std::string text() const {
    std::array<char, 17> out{};
    std::snprintf(out.data(), out.size(), "%016llx", static_cast<unsigned long long>(hash_));
    return out.data();
  }

 private:
  void add_members(const json::object& object) {
    std::vector<const json::key_value_pair*> members;
    for (const auto& member : object) {
      if (!member.value().is_null() && member.key() != "creationTimestamp") members.push_back(&member);
    }
    std::sort(members.begin(), members.end(), [](auto* a, auto* b) { return a->key() < b->key(); });
    add("{");
    for (const auto* member : members) {
      add(json::serialize(json::value(member->key())));
      add(":");
      add_value(member->value());
      add(",");
    }
    add("}");
  }

  uint64_t hash_ = 1469598103934665603ULL;
};

json::array* list_in(json::object& parent, std::string_view name) {
  auto* value = parent.if_contains(name);
  return value == nullptr ? nullptr : value->if_array();
}

json::object* map_in(json::object& parent, std::string_view name) {
  auto* value = parent.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

template <typename Do>
void each_object(json::object& parent, std::string_view list, const Do& act) {
  auto* items = list_in(parent, list);
  if (items == nullptr) return;
  for (json::value& item : *items) {
    if (auto* object = item.if_object()) act(*object);
  }
}

/// A reference {<member>: {<name_member>: ..., optional: ...}}.
void visit_reference(json::object& holder, const char* member, const char* name_member, bool secret,
                     const ConfigPlace& found) {
  json::object* reference = map_in(holder, member);
  if (reference == nullptr || text_of(*reference, name_member).empty()) return;
  found(secret, reference->at(name_member), !flag_of(*reference, "optional"));
}

void visit_container(json::object& container, const ConfigPlace& found) {
  each_object(container, "env", [&](json::object& variable) {
    json::object* from = map_in(variable, "valueFrom");
    if (from == nullptr) return;
    visit_reference(*from, "configMapKeyRef", "name", false, found);
    visit_reference(*from, "secretKeyRef", "name", true, found);
  });
  each_object(container, "envFrom", [&](json::object& source) {
    visit_reference(source, "configMapRef", "name", false, found);
    visit_reference(source, "secretRef", "name", true, found);
  });
}

/// A selector that means the target's pods means the primary's in the primary's pods.
void rename_selected(json::object& holder, const std::string& target) {
  json::object* selector = map_in(holder, "labelSelector");
  if (selector == nullptr) return;
  each_object(*selector, "matchExpressions", [&](json::object& expression) {
    const std::string key = text_of(expression, "key");
    json::array* values = list_in(expression, "values");
    if (values == nullptr || std::ranges::find(kSelectorLabels, key) == kSelectorLabels.end()) return;
    const auto own = std::find(values->begin(), values->end(), json::value(target));
    if (own != values->end()) *own = target + "-primary";
  });
}

void rename_affinities(json::object& pod_spec, const std::string& target) {
  each_object(pod_spec, "topologySpreadConstraints",
              [&](json::object& constraint) { rename_selected(constraint, target); });
  json::object* affinity = map_in(pod_spec, "affinity");
  json::object* apart = affinity == nullptr ? nullptr : map_in(*affinity, "podAntiAffinity");
  if (apart == nullptr) return;
  each_object(*apart, "requiredDuringSchedulingIgnoredDuringExecution",
              [&](json::object& term) { rename_selected(term, target); });
  each_object(*apart, "preferredDuringSchedulingIgnoredDuringExecution", [&](json::object& preference) {
    if (json::object* term = map_in(preference, "podAffinityTerm")) rename_selected(*term, target);
  });
}

void run_on_all_nodes(json::object& pod_spec) {
  json::object* nodes = map_in(pod_spec, "nodeSelector");
  if (nodes == nullptr) return;
  nodes->erase(kScaledDownLabel);
  if (nodes->empty()) pod_spec.erase("nodeSelector");
}

}  // namespace

const json::object* pod_template(const json::object& workload) {
  return object_of(part_of(workload, "spec"), "template");
}

std::string fingerprint(const json::value& value) {
  Fnv hash;
  hash.add_value(value);
  return hash.text();
}

std::string template_fingerprint(const json::object& pod_template) {
  json::object plain = pod_template;
  if (json::object* spec = map_in(plain, "spec")) run_on_all_nodes(*spec);
  return fingerprint(plain);
}

void visit_configs(json::object& pod_spec, const ConfigPlace& found) {
  each_object(pod_spec, "volumes", [&](json::object& volume) {
    visit_reference(volume, "configMap", "name", false, found);
    visit_reference(volume, "secret", "secretName", true, found);
    json::object* projected = map_in(volume, "projected");
    if (projected == nullptr) return;
    each_object(*projected, "sources", [&](json::object& source) {
      visit_reference(source, "configMap", "name", false, found);
      visit_reference(source, "secret", "name", true, found);
    });
  });
  for (const char* list : {"containers", "initContainers"}) {
    each_object(pod_spec, list, [&](json::object& container) { visit_container(container, found); });
  }
}

json::object foreign_metadata(const json::object& metadata, std::string_view member) {
  json::object out;
  const auto* from = object_of(metadata, member);
  if (from == nullptr) return out;
  for (const auto& item : *from) {
    if (std::string_view(item.key()).find(kGitOpsMarker) == std::string_view::npos)
      out[item.key()] = item.value();
  }
  return out;
}

json::object primary_template(const json::object& target_template, const PrimaryNames& names) {
  json::object out = target_template;
  json::object& metadata = object_in(out, "metadata");
  json::object labels = foreign_metadata(metadata, "labels");
  labels[names.label] = names.label_value;
  json::object annotations = foreign_metadata(metadata, "annotations");
  annotations[kRevisionAnnotation] = names.revision;
  metadata["labels"] = std::move(labels);
  metadata["annotations"] = std::move(annotations);
  json::object& spec = object_in(out, "spec");
  visit_configs(spec, [&](bool secret, json::value& name, bool) {
    const std::string plain(name.get_string());
    if (names.is_copied(secret, plain)) name = plain + "-primary";
  });
  if (names.daemon_set) {
    run_on_all_nodes(spec);
  } else {
    rename_affinities(spec, names.target);
  }
  return out;
}

}  // namespace remora::rollout

#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "istio/model/hosts.h"
#include "istio/model/resource.h"

namespace remora::istio {

/// The resources of one kind that hold for workloads, as Istio arranges them: for those that a selector
/// names, or for a whole namespace. Of several for the same the oldest counts. `Spec` is the kind's struct in
/// Resource::spec.
template <class Spec>
class ByWorkload {
 public:
  /// `oldest_first` may hold resources of any kind; those of this kind are kept alive. `selector` is the
  /// member that holds the labels of the workloads; empty means the whole namespace.
  ByWorkload(const std::vector<ResourcePtr>& oldest_first, Labels Spec::*selector) : selector_(selector) {
    for (const ResourcePtr& resource : oldest_first) {
      if (std::holds_alternative<Spec>(resource->spec)) add(resource);
    }
  }

  /// What holds for the namespace as a whole; null if nothing does.
  const Spec* of_namespace(const std::string& ns) const {
    const auto space = spaces_.find(ns);
    return space == spaces_.end() || space->second.whole == nullptr ? nullptr : &spec_of(space->second.whole);
  }

  /// What selects this workload; null if nothing does.
  const Spec* of_workload(const std::string& ns, const Labels& labels) const {
    const auto space = spaces_.find(ns);
    if (space == spaces_.end()) return nullptr;
    for (const ResourcePtr& resource : space->second.selecting) {
      if (labels_match(spec_of(resource).*selector_, labels)) return &spec_of(resource);
    }
    return nullptr;
  }

  /// Resources that an older one leaves without effect: warnings.
  const Diagnostics& findings() const { return findings_; }

 private:
  struct Space {
    ResourcePtr whole;
    std::vector<ResourcePtr> selecting;  ///< oldest first
  };

  static const Spec& spec_of(const ResourcePtr& resource) { return std::get<Spec>(resource->spec); }

  void add(const ResourcePtr& resource) {
    Space& space = spaces_[resource->ns];
    if (!(spec_of(resource).*selector_).empty()) {
      space.selecting.push_back(resource);
    } else if (space.whole == nullptr) {
      space.whole = resource;
    } else {
      findings_.push_back({Severity::kWarning, resource->file, resource->line, resource->id(), "",
                           "has no effect: " + space.whole->id() + " is older and for the same workloads"});
    }
  }

  Labels Spec::*selector_;
  std::map<std::string, Space> spaces_;
  Diagnostics findings_;
};

}  // namespace remora::istio

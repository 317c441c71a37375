#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <string>
#include <string_view>

// What a Deployment's or DaemonSet's pods are made from, as Kubernetes' JSON. Pure.
namespace remora::rollout {

/// The annotation of the primary's pods that names their revision, as Flagger calls it. Where it changes,
/// Kubernetes replaces the pods, even if nothing but a ConfigMap's contents is new.
inline constexpr const char* kRevisionAnnotation = "flagger-id";
/// In a DaemonSet's node selector: no node has it, so no pod runs. Flagger's way to scale one down.
inline constexpr const char* kScaledDownLabel = "flagger.app/scale-to-zero";

/// spec.template of a workload; null where there is none.
const boost::json::object* pod_template(const boost::json::object& workload);

/// 16 hex digits that differ where two values mean something else (FNV-1a, 64 bits). The order of members,
/// members that are null and metadata.creationTimestamp mean nothing.
std::string fingerprint(const boost::json::value& value);

/// A pod template's fingerprint, the same whether or not its DaemonSet is scaled down.
std::string template_fingerprint(const boost::json::object& pod_template);

/// Calls `found` for each place of a pod's spec that names a ConfigMap or a Secret; it may rename it there.
using ConfigPlace = std::function<void(bool secret, boost::json::value& name, bool required)>;
void visit_configs(boost::json::object& pod_spec, const ConfigPlace& found);

/// How the primary's pods differ from the target's.
struct PrimaryNames {
  std::string label;        ///< the selector's label
  std::string label_value;  ///< what it is at the primary
  std::string target;       ///< the target's name, which (anti-)affinities may use as a label's value
  std::string revision;     ///< for kRevisionAnnotation
  bool daemon_set = false;
  std::function<bool(bool secret, std::string_view name)> is_copied;  ///< whether the primary has a copy
};

/// The primary's pod template, from the target's.
boost::json::object primary_template(const boost::json::object& target_template, const PrimaryNames& names);

/// Without what belongs to a GitOps tool, which would take the copy for its own.
boost::json::object foreign_metadata(const boost::json::object& metadata, std::string_view member);

}  // namespace remora::rollout

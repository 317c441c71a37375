#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "istio/model/canary.h"
#include "rollout/decide.h"
#include "rollout/status.h"
#include "store/object.h"

// What Flagger makes beside a Canary, as objects. Pure.
namespace remora::rollout {

inline constexpr const char* kCanaryType = "canaries.flagger.app";
inline constexpr const char* kServiceType = "services";
inline constexpr const char* kVirtualServiceType = "virtualservices.networking.istio.io";
inline constexpr const char* kDestinationRuleType = "destinationrules.networking.istio.io";

/// What a VirtualService said before a rollout took it over, as Flagger keeps it.
inline constexpr const char* kOriginalAnnotation = "flagger.kubernetes.io/original-configuration";
inline constexpr const char* kLastAppliedAnnotation = "kubectl.kubernetes.io/last-applied-configuration";
/// Ours: which Canary took an object over that it does not own, and "true" where it wants it put back.
inline constexpr const char* kTakenAnnotation = "flagger.app/remora-canary";
inline constexpr const char* kRevertAnnotation = "flagger.app/remora-revert";

/// What the Services select, and how far the routes are.
struct Selection {
  WorkloadLabel label;
  boost::json::object apex;
  boost::json::object primary;
  boost::json::object canary;
  bool services = true;  ///< false: they are there without us
  bool routes = true;    ///< false: the primary cannot take requests yet, so they stay as they are
};

/// By the label version: of the primary's and of the analysed revision.
Selection select_versions(const WorkloadLabel& label, const Status& status);

/// Everything the objects depend on.
struct Rollout {
  const istio::Canary& spec;
  const store::Object& canary;  ///< for what is passed on as it was written, and for the owner
  const Status& status;
  Selection selection;
};

/// An object as it should be: metadata.{labels, annotations} and spec.
struct WantedObject {
  store::ObjectKey key;
  boost::json::object body;  ///< apiVersion, kind, metadata, spec
  bool apex = false;         ///< may exist before, of somebody else: is taken over
  bool whole = false;  ///< body is all of it, made from the object at `seen_version` (0: it was not there)
  uint64_t seen_version = 0;
};

/// In an order in which no step leads anywhere that a later one has to make.
std::vector<WantedObject> wanted_objects(const Rollout& rollout);

/// The VirtualService's spec by itself.
boost::json::object virtual_service_spec(const Rollout& rollout);

/// metadata.uid; empty where there is none.
std::string uid_of(const boost::json::object& body);
/// An ownerReferences entry for the Canary.
boost::json::object owner_reference(const store::Object& canary);
/// Whether the object's controller is the Canary with this uid.
bool owned_by(const boost::json::object& body, const std::string& canary_uid);
/// Of the object's controller, where that is a Canary; empty: it is none's.
std::string owning_canary_uid(const boost::json::object& body);

}  // namespace remora::rollout

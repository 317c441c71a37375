#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "istio/model/canary.h"
#include "istio/model/destination_rule.h"
#include "istio/model/gateway.h"
#include "istio/model/peer_authentication.h"
#include "istio/model/request_authentication.h"
#include "istio/model/services.h"
#include "istio/model/sidecar.h"
#include "istio/model/virtual_service.h"
#include "istio/text/diagnostic.h"

namespace remora::istio {

struct Value;

/// What says where things run (Pod, EndpointSlice, Node): read by Inventory, from the whole object.
struct InventoryObject {};

using Spec = std::variant<VirtualService, DestinationRule, ServiceEntry, Workload, Service, Deployment,
                          Canary, MetricTemplate, AlertProvider, PeerAuthentication, RequestAuthentication,
                          Sidecar, Gateway, InventoryObject>;

/// Annotation of a VirtualService: its mirrors' answers are compared with the original ones
/// (docs/mirroring.md).
inline constexpr const char* kShadowCompareAnnotation = "remora.dev/shadow-compare";
enum class ShadowCompare { kOff, kStatus, kBody };  ///< kStatus: and times; kBody: and a digest of the bodies

/// One Kubernetes-style object, checked by itself; what it refers to may still be missing. Immutable once
/// made, and shared by every list that holds it.
struct Resource {
  std::string api_version;
  std::string kind;
  std::string ns;
  std::string name;
  Labels labels;
  std::string creation_timestamp;  ///< as written (RFC 3339); empty where not given
  ShadowCompare shadow_compare = ShadowCompare::kOff;
  Spec spec;
  std::string json;  ///< the whole object as it was given; equal objects have equal text
  std::string file;
  int line = 0;

  /// "VirtualService default/myapp": unique in a mesh.
  std::string id() const { return kind + ' ' + ns + '/' + name; }
};

using ResourcePtr = std::shared_ptr<const Resource>;

/// The namespace of objects that do not say theirs.
inline constexpr const char* kDefaultNamespace = "default";

/// What one file holds. Where `findings` has an error, `resources` must not be used: the file counts as a
/// whole.
struct ParsedFile {
  std::vector<ResourcePtr> resources;
  Diagnostics findings;
};

/// Reads every object of a YAML or JSON file (documents, and lists of kind List). Pure; never throws.
ParsedFile parse_file(const std::string& file, const std::string& text);

/// Reads one document of it. Pure; never throws.
ParsedFile parse_document(const std::string& file, const Value& document);

}  // namespace remora::istio

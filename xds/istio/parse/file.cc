#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "istio/parse/readers.h"
#include "istio/parse/rule_annotations.h"

namespace remora::istio {
namespace {

constexpr std::array<std::string_view, 3> kIstioVersions{"v1", "v1beta1", "v1alpha3"};
constexpr std::array<std::string_view, 2> kSecurityVersions{"v1", "v1beta1"};
constexpr std::string_view kIstioGroup = "networking.istio.io/";
constexpr std::string_view kSecurityGroup = "security.istio.io/";

struct Kind {
  std::string_view group;  ///< with its slash; empty for Kubernetes' core
  std::string_view name;
  Spec (*read)(Fields&);
};

const std::array<Kind, 13>& kinds() {
  static const std::array<Kind, 13> kKinds{{
      {kIstioGroup, "VirtualService", [](Fields& f) -> Spec { return read_virtual_service(f); }},
      {kIstioGroup, "DestinationRule", [](Fields& f) -> Spec { return read_destination_rule(f); }},
      {kIstioGroup, "ServiceEntry", [](Fields& f) -> Spec { return read_service_entry(f); }},
      {kIstioGroup, "WorkloadEntry", [](Fields& f) -> Spec { return read_workload(f); }},
      {kIstioGroup, "Gateway", [](Fields& f) -> Spec { return read_gateway(f); }},
      {kIstioGroup, "Sidecar", [](Fields& f) -> Spec { return read_sidecar(f); }},
      {kSecurityGroup, "PeerAuthentication", [](Fields& f) -> Spec { return read_peer_authentication(f); }},
      {kSecurityGroup, "RequestAuthentication",
       [](Fields& f) -> Spec { return read_request_authentication(f); }},
      {"", "Service", [](Fields& f) -> Spec { return read_service(f); }},
      {"apps/", "Deployment", [](Fields& f) -> Spec { return read_deployment(f); }},
      {"flagger.app/", "Canary", [](Fields& f) -> Spec { return read_canary(f); }},
      {"flagger.app/", "MetricTemplate", [](Fields& f) -> Spec { return read_metric_template(f); }},
      {"flagger.app/", "AlertProvider", [](Fields& f) -> Spec { return read_alert_provider(f); }},
  }};
  return kKinds;
}

bool version_fits(const Kind& kind, std::string_view api_version) {
  if (!api_version.starts_with(kind.group)) return false;
  const std::string_view version = api_version.substr(kind.group.size());
  if (kind.group == kIstioGroup) {
    return std::find(kIstioVersions.begin(), kIstioVersions.end(), version) != kIstioVersions.end();
  }
  if (kind.group == kSecurityGroup) {
    return std::find(kSecurityVersions.begin(), kSecurityVersions.end(), version) != kSecurityVersions.end();
  }
  return version == (kind.group == "flagger.app/" ? "v1beta1" : "v1");
}

/// Objects that stand beside a service's manifests and mean nothing to a mesh.
bool is_bystander(std::string_view kind) {
  static const std::set<std::string_view> kKinds{
      "Namespace", "ConfigMap", "Secret", "ServiceAccount", "HorizontalPodAutoscaler", "PodDisruptionBudget"};
  return kKinds.contains(kind);
}

/// Where things run: Kubernetes writes these objects, so they are not checked field by field.
bool is_inventory(const Resource& resource) {
  static const std::set<std::pair<std::string_view, std::string_view>> kKinds{
      {"v1", "Pod"}, {"v1", "Node"}, {"discovery.k8s.io/v1", "EndpointSlice"}};
  return kKinds.contains({resource.api_version, resource.kind});
}

class FileReader {
 public:
  FileReader(const std::string& file, ParsedFile& out) : out_(out) {
    context_.file = file;
    context_.out = &out.findings;
  }

  void read(const Value& document) {
    context_.resource.clear();
    if (document.type != Value::Type::kMap) {
      context_.report(Severity::kError, document.line, "",
                      "an object must be a map, is " + std::string(describe(document.type)));
      return;
    }
    const Value* kind = document.find("kind");
    if (kind != nullptr && kind->text == "List") {
      read_list(document);
    } else {
      read_object(document);
    }
  }

 private:
  void read_list(const Value& list) {
    const Value* items = list.find("items");
    if (items == nullptr || items->type != Value::Type::kList) {
      context_.report(Severity::kError, list.line, "items", "must be a list");
      return;
    }
    for (const Value& item : items->items) read(item);
  }

  void read_object(const Value& document) {
    auto resource = std::make_shared<Resource>();
    resource->file = context_.file;
    resource->line = document.line;
    Fields fields(document, "", context_);
    fields.string("apiVersion", resource->api_version);
    fields.string("kind", resource->kind);
    if (!read_metadata(fields, *resource)) {
      fields.ignore_rest();
      return;
    }
    context_.resource = resource->id();
    if (!read_spec(fields, *resource)) {
      fields.ignore_rest();
      return;
    }
    if (sticky_) apply_sticky(fields, *resource);
    for (const auto& [annotation, value] : rule_annotations_) apply(*annotation, value, fields, *resource);
    if (!ids_.insert(resource->id()).second) {
      fields.error("", "is defined twice in this file");
      return;
    }
    resource->json = to_json(document);
    out_.resources.push_back(std::move(resource));
  }

  /// False where the object means nothing to the mesh, or is not understood.
  bool read_spec(Fields& fields, Resource& resource) {
    fields.ignore({"status"});  // what a cluster says about the object, not what its author wants
    if (is_inventory(resource)) {
      fields.ignore_rest();
      resource.spec = InventoryObject{};
      return true;
    }
    const Kind* kind = find_kind(fields, resource);
    if (kind == nullptr) return false;
    if (!fields.object("spec", [&](Fields& spec) { resource.spec = kind->read(spec); }) &&
        !fields.has("spec")) {
      fields.error("spec", "is required");
    }
    return true;
  }

  bool read_metadata(Fields& fields, Resource& resource) {
    if (resource.kind.empty()) fields.error("kind", "must name the object's kind");
    if (resource.api_version.empty()) fields.error("apiVersion", "must name the object's API version");
    resource.ns = kDefaultNamespace;
    fields.object("metadata", [&](Fields& meta) {
      meta.string("name", resource.name);
      meta.string("namespace", resource.ns);
      meta.string_map("labels", resource.labels);
      meta.string("creationTimestamp", resource.creation_timestamp);
      read_annotations(meta, resource);
      meta.ignore({"uid", "resourceVersion", "generation", "managedFields", "selfLink", "ownerReferences",
                   "finalizers", "generateName", "deletionTimestamp", "deletionGracePeriodSeconds"});
    });
    if (resource.name.empty()) fields.error("metadata.name", "must name the object");
    return !resource.kind.empty() && !resource.api_version.empty() && !resource.name.empty();
  }

  /// Annotations are everybody's; Istio steers with some of its own, of which none is implemented.
  void read_annotations(Fields& meta, Resource& resource) {
    std::map<std::string, std::string> annotations;
    meta.string_map("annotations", annotations);
    sticky_.reset();
    rule_annotations_.clear();
    for (const RuleAnnotation& known : rule_annotations()) {
      const auto found = annotations.find(known.name);
      if (found != annotations.end()) rule_annotations_.emplace_back(&known, found->second);
    }
    for (const auto& [name, value] : annotations) {
      if (name == kSticky) sticky_ = value;
      if (name == kShadowCompareAnnotation) read_shadow_compare(value, meta, resource);
      if (!name.starts_with("networking.istio.io/") && !name.starts_with("traffic.istio.io/")) continue;
      meta.warning("annotations", name + " is not implemented and has no effect");
    }
  }

  static void read_shadow_compare(const std::string& value, Fields& meta, Resource& resource) {
    const std::string name = kShadowCompareAnnotation;
    if (resource.kind != "VirtualService") {
      meta.warning("annotations", name + " has a meaning for VirtualServices only");
    } else if (value == "status") {
      resource.shadow_compare = ShadowCompare::kStatus;
    } else if (value == "body") {
      resource.shadow_compare = ShadowCompare::kBody;
    } else {
      meta.error("annotations", name + " must be \"status\" or \"body\"");
    }
  }

  void apply_sticky(const Fields& fields, Resource& resource) {
    const auto complain = [&](const std::string& text) {
      fields.error("metadata.annotations", std::string(kSticky) + " " + text);
    };
    auto* service = std::get_if<VirtualService>(&resource.spec);
    if (service == nullptr) return complain("is for VirtualServices");
    auto sticky = parse_sticky(*sticky_);
    if (!sticky) return complain(sticky.error().message);
    service->sticky = std::move(*sticky);
    const auto splits = [](const HttpRoute& route) { return route.route.size() > 1 || route.delegate; };
    if (std::none_of(service->http.begin(), service->http.end(), splits))
      fields.warning("metadata.annotations",
                     std::string(kSticky) + " has no effect: no http route has several destinations");
  }

  static void apply(const RuleAnnotation& annotation, const std::string& value, const Fields& fields,
                    Resource& resource) {
    auto* rule = std::get_if<DestinationRule>(&resource.spec);
    if (rule == nullptr)
      return fields.error("metadata.annotations", std::string(annotation.name) + " is for DestinationRules");
    const auto applied = annotation.apply(value, *rule);
    if (!applied) fields.error("metadata.annotations", applied.error().message);
  }

  const Kind* find_kind(Fields& fields, const Resource& resource) {
    if (is_bystander(resource.kind)) {
      fields.warning("kind", "means nothing to the mesh and is left out");
      return nullptr;
    }
    for (const Kind& kind : kinds()) {
      if (kind.name != resource.kind) continue;
      if (version_fits(kind, resource.api_version)) return &kind;
      fields.error("apiVersion", "\"" + resource.api_version + "\" is no version of " + resource.kind +
                                     " that is understood here");
      return nullptr;
    }
    fields.error("kind", resource.kind + " (" + resource.api_version + ") is not implemented");
    return nullptr;
  }

  static constexpr const char* kSticky = "remora.dev/sticky";

  ReadContext context_;
  std::optional<std::string> sticky_;  ///< an annotation of the object that is being read
  std::vector<std::pair<const RuleAnnotation*, std::string>> rule_annotations_;  ///< the same
  ParsedFile& out_;
  std::set<std::string> ids_;
};

}  // namespace

ParsedFile parse_file(const std::string& file, const std::string& text) {
  ParsedFile parsed;
  auto documents = read_documents(text);
  if (const auto* fault = std::get_if<SyntaxError>(&documents)) {
    parsed.findings.push_back({Severity::kError, file, fault->line, "", "", fault->message});
    return parsed;
  }
  FileReader reader(file, parsed);
  for (const Value& document : std::get<0>(documents)) reader.read(document);
  return parsed;
}

ParsedFile parse_document(const std::string& file, const Value& document) {
  ParsedFile parsed;
  FileReader(file, parsed).read(document);
  return parsed;
}

}  // namespace remora::istio

#include "inject/injector.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <string_view>

#include "inject/annotations.h"
#include "inject/bootstrap.h"
#include "inject/containers.h"
#include "inject/json_access.h"
#include "inject/metrics_merge.h"
#include "inject/overrides.h"
#include "store/yaml.h"

namespace remora::inject {
namespace {

namespace json = boost::json;

constexpr int kDefaultGraceSeconds = 30;
constexpr const char* kTokenFile = "/var/run/secrets/tokens/istio-token";

/// Namespaces of what a cluster needs before it can have a mesh; Istio leaves the same alone.
bool is_the_clusters_own(const std::string& ns) {
  static constexpr std::array<std::string_view, 4> kNames{"kube-system", "kube-public", "kube-node-lease",
                                                          "local-path-storage"};
  return std::find(kNames.begin(), kNames.end(), ns) != kNames.end();
}

/// Whether a pod gets no sidecar, and why. Its label counts before its annotation.
std::string reason_to_skip(const json::object& pod, const PodContext& context) {
  const json::object nothing;
  const json::object* metadata = find_object(pod, "metadata");
  if (metadata == nullptr) metadata = &nothing;
  if (!text_below(*metadata, "annotations", kStatusAnnotation).empty()) return "it has a sidecar already";
  std::string wish = text_below(*metadata, "labels", kInjectName);
  if (wish.empty()) wish = text_below(*metadata, "annotations", kInjectName);
  if (wish == "false") return "sidecar.istio.io/inject is false";
  const std::string ns = find_text(*metadata, "namespace");
  if (const std::string& place = ns.empty() ? context.ns : ns; is_the_clusters_own(place)) {
    return "namespace " + place + " is the cluster's own";
  }
  const json::object* spec = find_object(pod, "spec");
  if (spec == nullptr) return "it has no spec";
  const json::value* host = spec->if_contains("hostNetwork");
  if (host != nullptr && host->is_bool() && host->get_bool()) {
    return "hostNetwork: it has its host's network, where nothing can be redirected";
  }
  return {};
}

/// The Deployment behind a ReplicaSet: its name without the hash of the template.
std::string workload_of(const json::object& metadata, const PodContext& context) {
  if (!context.workload.empty()) return context.workload;
  const json::array* owners = find_array(metadata, "ownerReferences");
  const json::object* owner = owners == nullptr || owners->empty() ? nullptr : owners->front().if_object();
  std::string name = owner == nullptr ? find_text(metadata, "name") : find_text(*owner, "name");
  if (name.empty()) name = find_text(metadata, "generateName");
  while (name.ends_with('-')) name.pop_back();
  const std::string hash = text_below(metadata, "labels", "pod-template-hash");
  if (!hash.empty() && name.ends_with('-' + hash)) name.resize(name.size() - hash.size() - 1);
  return name;
}

/// Istio's order of names by which a workload's service is known.
std::string first_label(const json::object& metadata, std::initializer_list<const char*> names,
                        const std::string& otherwise) {
  for (const char* name : names) {
    if (std::string value = text_below(metadata, "labels", name); !value.empty()) return value;
  }
  return otherwise;
}

/// A connection is accepted by the sidecar, whether or not the application would.
void warn_of_tcp_probes(const json::object& pod, std::vector<std::string>& warnings) {
  const json::object* spec = find_object(pod, "spec");
  const json::array* containers = spec == nullptr ? nullptr : find_array(*spec, "containers");
  if (containers == nullptr) return;
  for (const json::value& item : *containers) {
    const json::object* container = item.if_object();
    if (container == nullptr) continue;
    for (const char* field : {"livenessProbe", "readinessProbe", "startupProbe"}) {
      const json::object* probe = find_object(*container, field);
      if (probe == nullptr || find_object(*probe, "tcpSocket") == nullptr) continue;
      warnings.push_back("container " + find_text(*container, "name") + ": " + field +
                         ": tcpSocket: the sidecar accepts the connection, so this succeeds always");
    }
  }
}

/// Kubelet takes $(NAME) for a variable, and $$( for a dollar with a bracket.
std::string without_variables(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '$' && i + 1 < text.size() && text[i + 1] == '(') out += '$';
    out += text[i];
  }
  return out;
}

class Injection {
 public:
  Injection(json::object pod, Settings settings, const PodContext& context,
            std::vector<std::string>& warnings)
      : settings_(std::move(settings)),
        context_(context),
        pod_(std::move(pod)),
        warnings_(warnings) {}

  Result<json::object> run() {
    object_in(pod_, "metadata");  // made before references into the pod are: making a member moves the others
    json::object& spec = object_in(pod_, "spec");
    if (settings_.rewrite_probes) {
      auto probes = rewrite_probes(spec, kProxyContainer);
      if (!probes.ok()) return Error{probes.error()};
      probes_ = std::move(*probes);
      for (AppProbe& probe : probes_) probe.path = without_variables(probe.path);
    }
    auto metrics = take_metrics(object_in(pod_, "metadata"), settings_, warnings_);
    if (!metrics.ok()) return Error{metrics.error()};
    metrics_ = std::move(*metrics);
    if (auto placed = place_containers(spec); !placed.ok()) return Error{placed.error()};
    add_volumes(spec);
    describe();
    return std::move(pod_);
  }

 private:
  SidecarNode node() {
    const json::object& metadata = object_in(pod_, "metadata");
    SidecarNode node;
    node.workload = workload_of(metadata, context_);
    node.service = service_name();
    if (const json::object* labels = find_object(metadata, "labels")) {
      for (const auto& [name, value] : *labels) {
        if (value.is_string()) node.labels[name] = without_variables(std::string(value.get_string()));
      }
    }
    return node;
  }

  std::string service_name() {
    const json::object& metadata = object_in(pod_, "metadata");
    return first_label(metadata, {"service.istio.io/canonical-name", "app.kubernetes.io/name", "app"},
                       workload_of(metadata, context_));
  }

  std::chrono::seconds grace(const json::object& spec) const {
    return std::chrono::seconds(find_int(spec, "terminationGracePeriodSeconds", kDefaultGraceSeconds));
  }

  /// A container that the pod gives our name to says what the sidecar should be like.
  Result<void> place_containers(json::object& spec) {
    const json::object bootstrap = sidecar_bootstrap(settings_, node(), {kTokenFile, ""}, probes_, metrics_);
    json::object proxy = proxy_container(settings_, store::to_yaml(bootstrap), grace(spec));
    for (const char* list : {"containers", "initContainers"}) {
      if (find_array(spec, list) == nullptr) continue;
      auto taken = take_overrides(array_in(spec, list), kProxyContainer, proxy);
      if (!taken.ok()) return taken;
    }
    json::array init;
    if (settings_.capture.mode != "NONE") init.push_back(init_container(settings_, probes_));
    if (settings_.native_sidecar) {
      // Both come first, so that the pod's own init containers have the mesh already.
      init.push_back(std::move(proxy));
      json::array& list = array_in(spec, "initContainers");
      list.insert(list.begin(), init.begin(), init.end());
      return {};
    }
    // Without a sidecar that runs, redirected traffic goes nowhere: the pod's own init containers come
    // before.
    if (!init.empty()) {
      json::array& list = array_in(spec, "initContainers");
      list.insert(list.end(), init.begin(), init.end());
    }
    // The first container's postStart hook is over before the next one starts.
    json::array& list = array_in(spec, "containers");
    list.insert(settings_.hold_application ? list.begin() : list.end(), std::move(proxy));
    return {};
  }

  void add_volumes(json::object& spec) {
    json::array& volumes = array_in(spec, "volumes");
    volumes.push_back(token_volume());
    if (settings_.user_volumes.empty()) return;
    const json::value given = json::parse(settings_.user_volumes);
    for (const auto& [name, volume] : given.get_object()) {
      json::object entry{{"name", name}};
      if (const json::object* fields = volume.if_object()) {
        for (const auto& [key, value] : *fields) entry[key] = value;
      }
      volumes.push_back(std::move(entry));
    }
  }

  /// What others read about it: the mesh, kubectl, Prometheus.
  void describe() {
    json::object& metadata = object_in(pod_, "metadata");
    const std::string revision = first_label(
        metadata, {"service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"}, "latest");
    const std::string name = service_name();
    json::object& labels = object_in(metadata, "labels");
    labels["security.istio.io/tlsMode"] = "istio";
    if (!name.empty()) labels["service.istio.io/canonical-name"] = name;
    labels["service.istio.io/canonical-revision"] = revision;
    labels["istio.io/rev"] = settings_.revision;
    json::object& annotations = object_in(metadata, "annotations");
    set_default_container(annotations);
    annotations[kStatusAnnotation] = json::serialize(status());
  }

  void set_default_container(json::object& annotations) {
    for (const json::value& item : array_in(object_in(pod_, "spec"), "containers")) {
      const json::object* container = item.if_object();
      if (container == nullptr || find_text(*container, "name") == kProxyContainer) continue;
      for (const char* name :
           {"kubectl.kubernetes.io/default-container", "kubectl.kubernetes.io/default-logs-container"}) {
        if (!annotations.contains(name)) annotations[name] = find_text(*container, "name");
      }
      return;
    }
  }

  json::object status() const {
    json::array init;
    if (settings_.capture.mode != "NONE") init.emplace_back(kInitContainer);
    if (settings_.native_sidecar) init.emplace_back(kProxyContainer);
    json::array containers;
    if (!settings_.native_sidecar) containers.emplace_back(kProxyContainer);
    return {{"initContainers", std::move(init)},
            {"containers", std::move(containers)},
            {"volumes", json::array{kTokenVolume}},
            {"revision", settings_.revision}};
  }

  const Settings settings_;
  const PodContext& context_;
  json::object pod_;
  std::vector<std::string>& warnings_;
  std::vector<AppProbe> probes_;
  AppMetrics metrics_;
};

}  // namespace

Result<Injected> inject_pod(const json::object& pod, const Settings& mesh, const PodContext& context) {
  Injected out{pod, false, reason_to_skip(pod, context), {}};
  if (!out.reason.empty()) return out;
  auto settings = settings_of(pod, mesh, out.warnings);
  if (!settings.ok()) return Error{settings.error()};
  if (!settings->rewrite_probes && settings->capture.mode != "NONE") warn_of_tcp_probes(pod, out.warnings);
  auto made = Injection(pod, std::move(*settings), context, out.warnings).run();
  if (!made.ok()) return Error{made.error()};
  out.pod = std::move(*made);
  out.changed = true;
  return out;
}

}  // namespace remora::inject

#include "inject/probes.h"

#include <algorithm>

#include "inject/json_access.h"
#include "inject/settings.h"

namespace remora::inject {
namespace {

namespace json = boost::json;
using Kind = AppProbe::Kind;

const std::string kProbes = "/app-health/";

/// A port as a number: named ones stand in the container.
Result<int> port_of(const json::object& handler, const json::object& container) {
  const json::value* port = handler.if_contains("port");
  if (port != nullptr && port->is_number()) return find_int(handler, "port", 0);
  const std::string name = find_text(handler, "port");
  const json::object* entry = named(find_array(container, "ports"), name);
  if (entry == nullptr) return Error{"the container has no port called \"" + name + "\""};
  return find_int(*entry, "containerPort", 0);
}

class Rewriter {
 public:
  std::vector<AppProbe> probes;

  Result<void> container(json::object& container) {
    const std::string name = find_text(container, "name");
    for (const auto& [field, word] :
         {std::pair{"livenessProbe", "livez"}, std::pair{"readinessProbe", "readyz"},
          std::pair{"startupProbe", "startupz"}}) {
      if (find_object(container, field) == nullptr) continue;
      auto done = handler(object_in(container, field), container, kProbes + name + '/' + word);
      if (!done.ok()) return Error{"container " + name + ": " + field + ": " + done.error().message};
    }
    const json::object* lifecycle = find_object(container, "lifecycle");
    for (const auto& [field, word] :
         {std::pair{"postStart", "poststartz"}, std::pair{"preStop", "prestopz"}}) {
      if (lifecycle == nullptr || find_object(*lifecycle, field) == nullptr) continue;
      json::object& hook = object_in(object_in(container, "lifecycle"), field);
      auto done = handler(hook, container, "/app-lifecycle/" + name + '/' + word);
      if (!done.ok()) return Error{"container " + name + ": " + field + ": " + done.error().message};
    }
    return {};
  }

 private:
  Result<void> handler(json::object& probe, const json::object& container, const std::string& where) {
    AppProbe out;
    out.where = where;
    out.timeout_seconds = std::max(1, find_int(probe, "timeoutSeconds", 1));
    if (find_object(probe, "httpGet") != nullptr) return http(probe, container, std::move(out));
    if (find_object(probe, "grpc") != nullptr) return grpc(probe, std::move(out));
    if (find_object(probe, "tcpSocket") != nullptr) return tcp(probe, container, std::move(out));
    return {};  // exec and sleep have nothing to do with the network
  }

  /// Its header fields stay where they are: the sidecar passes them on.
  Result<void> http(json::object& probe, const json::object& container, AppProbe out) {
    json::object& get = object_in(probe, "httpGet");
    if (!find_text(get, "host").empty()) return {};  // asks somebody else
    auto port = port_of(get, container);
    if (!port.ok()) return Error{port.error()};
    out.port = *port;
    if (out.port == kProbePort || out.port == kReadyPort) return {};  // asks the sidecar already
    out.kind = find_text(get, "scheme") == "HTTPS" ? Kind::kHttps : Kind::kHttp;
    if (const std::string path = find_text(get, "path"); !path.empty()) out.path = path;
    if (!out.path.starts_with('/')) out.path.insert(0, 1, '/');
    get.erase("scheme");
    get["path"] = out.where;
    get["port"] = kProbePort;
    probes.push_back(std::move(out));
    return {};
  }

  /// The sidecar accepts every connection; so it is asked, by HTTP, whether the application would. Kubernetes
  /// no longer carries out such hooks: those stay as they are.
  Result<void> tcp(json::object& probe, const json::object& container, AppProbe out) {
    const json::object& socket = *find_object(probe, "tcpSocket");
    if (!find_text(socket, "host").empty() || !out.where.starts_with(kProbes)) return {};
    auto port = port_of(socket, container);
    if (!port.ok()) return Error{port.error()};
    out.port = *port;
    if (out.port == kProbePort || out.port == kReadyPort) return {};
    out.kind = Kind::kTcp;
    probe.erase("tcpSocket");
    probe["httpGet"] = json::object{{"path", out.where}, {"port", kProbePort}};
    probes.push_back(std::move(out));
    return {};
  }

  /// Kubelet goes on speaking gRPC, to a port of the sidecar that lets health checks through and nothing
  /// else. Probes of the same port share it.
  Result<void> grpc(json::object& probe, AppProbe out) {
    json::object& check = object_in(probe, "grpc");
    out.kind = Kind::kGrpc;
    out.port = find_int(check, "port", 0);
    int next = kFirstGrpcProbePort;
    for (const AppProbe& other : probes) {
      if (other.kind != Kind::kGrpc) continue;
      if (other.port == out.port) out.stand_in = other.stand_in;
      next = std::max(next, other.stand_in + 1);
    }
    const bool known = out.stand_in != 0;
    if (!known) out.stand_in = next;
    check["port"] = out.stand_in;
    if (!known) probes.push_back(std::move(out));
    return {};
  }
};

}  // namespace

Result<std::vector<AppProbe>> rewrite_probes(json::object& pod_spec, const std::string& except) {
  Rewriter rewriter;
  for (const char* list : {"containers", "initContainers"}) {
    if (find_array(pod_spec, list) == nullptr) continue;
    for (json::value& item : array_in(pod_spec, list)) {
      json::object* container = item.if_object();
      if (container == nullptr || find_text(*container, "name") == except) continue;
      const auto done = rewriter.container(*container);
      if (!done.ok()) return Error{done.error()};
    }
  }
  return std::move(rewriter.probes);
}

}  // namespace remora::inject

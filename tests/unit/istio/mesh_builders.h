#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "istio/build/proxy_node.h"
#include "istio/model/resource.h"
#include "istio/reconcile/reconcile.h"
#include "istio/registry/registry.h"

// Words for tests about the mesh: resources are written as their users write them.
namespace remora::istio::test {

inline std::vector<std::string> texts(const Diagnostics& findings) {
  std::vector<std::string> out;
  for (const Diagnostic& finding : findings) out.push_back(to_string(finding));
  return out;
}

/// Everything that reading `yaml` as mesh.yaml finds.
inline std::vector<std::string> findings_of(const std::string& yaml) {
  return texts(parse_file("mesh.yaml", yaml).findings);
}

/// The resources of `yaml`, which must be free of errors.
inline std::vector<ResourcePtr> resources(const std::string& yaml, const std::string& file = "mesh.yaml") {
  ParsedFile parsed = parse_file(file, yaml);
  EXPECT_FALSE(has_errors(parsed.findings)) << ::testing::PrintToString(texts(parsed.findings));
  return std::move(parsed.resources);
}

inline Registry registry(const std::string& yaml) { return Registry(resources(yaml)); }

/// The sidecar of a pod of namespace default.
inline ProxyNode sidecar_at(const std::string& ip, bool identified = false) {
  ProxyNode node;
  node.id = "sidecar~" + ip + "~x.default~default.svc.cluster.local";
  node.ip = ip;
  node.addresses = {ip};
  node.ns = "default";
  node.identified = identified;
  return node;
}

/// The same where all the pod's connections lead through it.
inline ProxyNode intercepted_at(const std::string& ip, bool identified = true) {
  ProxyNode node = sidecar_at(ip, identified);
  node.interception = Interception::kRedirect;
  return node;
}

/// A VirtualService myapp whose http list is `http`, each line indented by two spaces already.
inline std::string virtual_service(const std::string& http) {
  return "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: myapp}\n"
         "spec:\n  hosts: [myapp]\n  http:\n" +
         http;
}

inline std::string destination_rule(const std::string& spec) {
  return "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: myapp}\n"
         "spec:\n  host: myapp\n" +
         spec;
}

/// Service myapp on port 8080, with a v1 and a v2 workload.
inline const std::string kMyapp = R"(
apiVersion: v1
kind: Service
metadata: {name: myapp}
spec:
  selector: {app: myapp}
  ports: [{name: http, port: 8080, targetPort: 9080}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: myapp-v1}
spec: {address: 127.0.1.1, ports: {http: 9001}, labels: {app: myapp, version: v1}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: myapp-v2}
spec: {address: 127.0.1.2, labels: {app: myapp, version: v2}}
)";

inline const std::string kSubsets = R"(
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: myapp}
spec:
  host: myapp
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
)";

}  // namespace remora::istio::test

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace remora::istio {

using Labels = std::map<std::string, std::string>;

/// How a port's bytes are to be read.
enum class Protocol {
  kHttp,        ///< HTTP/1.1 at the application; sidecars speak what they like among themselves
  kHttp2,       ///< HTTP/2 without ALPN, gRPC
  kTcp,         ///< bytes that only the two applications understand
  kTls,         ///< the same, and the client's first message names the host
  kUndeclared,  ///< nobody says; taken for HTTP/1.1
  kOther,       ///< what no sidecar carries
};

/// Who finds the addresses of a host's endpoints. Source: ServiceEntry.resolution.
enum class Resolution {
  kStatic,         ///< they are given
  kNone,           ///< clients know them: connections go where they were going
  kDns,            ///< the proxy looks names up, and takes every address
  kDnsRoundRobin,  ///< the same with one name, and each new connection takes the first address
};

inline bool is_looked_up(Resolution resolution) {
  return resolution == Resolution::kDns || resolution == Resolution::kDnsRoundRobin;
}

/// WorkloadEntry's spec, and a ServiceEntry's inline endpoint: the same fields.
struct Workload {
  std::string address;  ///< an IP address, or a name, which counts only where names are looked up
  std::map<std::string, uint16_t> ports;
  Labels labels;
  std::string locality;
  uint32_t weight = 1;
  std::string service_account;
};

struct ServiceEntryPort {
  uint16_t number = 0;
  std::string name;
  Protocol protocol = Protocol::kHttp;
  std::optional<uint16_t> target_port;
};

/// https://istio.io/latest/docs/reference/config/networking/service-entry/
struct ServiceEntry {
  std::vector<std::string> hosts;
  std::vector<std::string> addresses;
  bool external = true;
  Resolution resolution = Resolution::kNone;
  std::vector<ServiceEntryPort> ports;
  std::vector<Workload> endpoints;
  Labels workload_selector;  ///< empty: `endpoints` count
  std::vector<std::string> export_to;
  std::vector<std::string> subject_alt_names;  ///< by which its TLS servers are known
};

struct ServicePort {
  uint16_t number = 0;
  std::string name;
  Protocol protocol = Protocol::kUndeclared;
  std::string target_name;              ///< targetPort as a name
  std::optional<uint16_t> target_port;  ///< targetPort as a number
};

/// Kubernetes Service, as far as the mesh uses it.
struct Service {
  std::vector<ServicePort> ports;
  Labels selector;
  std::vector<std::string> cluster_ips;  ///< the preferred family first; empty where headless
  bool headless = false;                 ///< clusterIP: None
  bool ipv6_first = false;               ///< which family's endpoints count where pods have both
  bool publish_not_ready = false;        ///< pods get traffic whether they are ready or not
  std::string external_name;             ///< type ExternalName: the host that it is another name of
};

/// Kubernetes Deployment: recorded for rollouts and for `remoractl`; it makes no endpoints, pods do.
struct Deployment {
  Labels pod_labels;
  std::vector<uint16_t> container_ports;
  std::string service_account;
};

}  // namespace remora::istio

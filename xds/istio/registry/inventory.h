#pragma once

#include <boost/json/fwd.hpp>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "istio/model/services.h"

namespace remora::istio {

/// "namespace", "name".
using ObjectName = std::pair<std::string, std::string>;

/// A Pod, as far as the mesh looks at it.
struct Pod {
  std::string ns;
  std::string name;
  std::vector<std::string> addresses;
  Labels labels;  ///< with security.istio.io/tlsMode where it has a sidecar, whoever put it there
  std::string service_account;
  std::string node;
  std::string locality;  ///< its own word (label istio-locality); empty: its node's counts
  std::string workload;  ///< what metrics call it: the Deployment, StatefulSet, ... that made it, else itself
  bool ready = false;

  bool operator==(const Pod&) const = default;
};

using PodPtr = std::shared_ptr<const Pod>;

/// An EndpointSlice: a part of where a Service is served.
struct EndpointSlice {
  struct Port {
    std::string name;
    uint16_t number = 0;
    bool operator==(const Port&) const = default;
  };
  struct Entry {
    std::string address;
    std::string pod;   ///< name of the Pod it leads to, of the slice's namespace; empty: none is named
    std::string node;  ///< where it runs, as the slice says
    std::string zone;
    bool ready = true;
    bool operator==(const Entry&) const = default;
  };

  ObjectName service;
  bool ipv6 = false;
  std::vector<Port> ports;
  std::vector<Entry> entries;

  bool operator==(const EndpointSlice&) const = default;
};

/// Reads what the mesh needs of objects that the API server has checked. What is not there is empty.
/// https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
Pod read_pod(const boost::json::object& object);
EndpointSlice read_endpoint_slice(const boost::json::object& object);
/// "region/zone/sub-zone" of a Node's labels; empty where it has none.
std::string read_node_locality(const boost::json::object& object);

/// Where things run, as Kubernetes says: Pods, EndpointSlices, Nodes. It holds a few hundred bytes for each,
/// and knows which Services a change concerns, so that a change costs what it changes. Control thread only.
class Inventory {
 public:
  enum class Kind { kPod, kEndpointSlice, kNode };

  using Slices = std::map<std::string, EndpointSlice>;  ///< by name

  /// What take_changes() tells.
  struct Changes {
    std::set<ObjectName> services;  ///< whose endpoints may differ
    std::vector<PodPtr> pods;       ///< that came, went or changed: before and after

    bool empty() const { return services.empty() && pods.empty(); }
  };

  void put(Kind kind, const boost::json::object& object);
  void remove(Kind kind, const std::string& ns, const std::string& name);
  /// What is not in `names` is gone: a new list of everything has come.
  void retain(Kind kind, const std::set<ObjectName>& names);

  /// Null where no slice names the service.
  const Slices* slices_of(const ObjectName& service) const;
  PodPtr find_pod(const ObjectName& name) const;
  /// The Pod with this address; null where there is none.
  PodPtr pod_at(const std::string& address) const;
  std::string locality_of_node(const std::string& node) const;
  const std::map<ObjectName, PodPtr>& pods() const { return pods_; }

  /// What has changed since the last call.
  Changes take_changes() { return std::exchange(changes_, {}); }
  /// Called when there begins to be something for take_changes().
  void on_change(std::function<void()> listener) { on_change_ = std::move(listener); }

 private:
  void put_pod(PodPtr pod);
  void put_slice(const ObjectName& name, EndpointSlice slice);
  void put_node(const std::string& name, std::string locality);
  void remove_pod(const ObjectName& name);
  void remove_slice(const ObjectName& name);
  void index_slice(const EndpointSlice& slice, int step);
  void pod_changed(const PodPtr& pod);
  void changed(const std::function<void(Changes&)>& note);

  std::map<ObjectName, PodPtr> pods_;
  std::unordered_map<std::string, PodPtr> pod_by_address_;
  std::map<std::string, std::string> nodes_;  // localities
  std::map<ObjectName, ObjectName> service_of_slice_;
  std::map<ObjectName, Slices> slices_;
  /// The services whose slices lead to a Pod ("namespace/name") or to a bare address, and how often.
  std::unordered_map<std::string, std::map<ObjectName, int>> services_by_target_;
  Changes changes_;
  std::function<void()> on_change_;
};

}  // namespace remora::istio

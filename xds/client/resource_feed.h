#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client/resource_types.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "remora/config/cluster.h"
#include "remora/core/clock.h"

namespace remora::xds {

/// What became of one response.
struct UpdateResult {
  /// "cluster 'x': <path>: <what>" for each resource that was refused. Not empty: NACK.
  std::vector<std::string> errors;
  std::vector<std::string> accepted;  // names of resources that were taken, changed or not
  std::vector<std::string> refused;

  [[nodiscard]] bool ok() const { return errors.empty(); }
  /// The errors as one message for the management server.
  [[nodiscard]] std::string details() const;
};

/// A place that resources come from (a stream, files), told which of them to ask for. Single-threaded.
class ResourceFeed {
 public:
  ResourceFeed() = default;
  ResourceFeed(const ResourceFeed&) = delete;
  ResourceFeed& operator=(const ResourceFeed&) = delete;
  virtual ~ResourceFeed() = default;
  /// Whatever there is of a type.
  virtual void follow_all(ResourceType type) = 0;
  virtual void follow(ResourceType type, const std::string& name) = 0;
  virtual void unfollow(ResourceType type, const std::string& name) = 0;
};

/// Who takes what feeds give. A feed is known here by its key (see ResourceSource). Single-threaded.
class ResourceReceiver {
 public:
  using Response = envoy::service::discovery::v3::DiscoveryResponse;
  using DeltaResponse = envoy::service::discovery::v3::DeltaDiscoveryResponse;

  ResourceReceiver() = default;
  ResourceReceiver(const ResourceReceiver&) = delete;
  ResourceReceiver& operator=(const ResourceReceiver&) = delete;
  virtual ~ResourceReceiver() = default;

  /// The state of the world. Takes the good resources and names the others.
  virtual UpdateResult on_response(const std::string& feed, ResourceType type, const Response& response,
                                   MonotonicTime now, WallTime wall) = 0;
  /// What has changed.
  virtual UpdateResult on_delta(const std::string& feed, ResourceType type, const DeltaResponse& response,
                                MonotonicTime now, WallTime wall) = 0;
  /// A cluster's endpoints, which no response holds: `name` as follow() gave it.
  virtual void on_endpoints(const std::string& feed, const std::string& name,
                            std::shared_ptr<const EndpointSet> endpoints) = 0;
  /// The response that was taken is answered: time to ask for what it made necessary.
  virtual void on_answered(MonotonicTime now) = 0;
  /// The source says that there is no such resource.
  virtual void on_absent(const std::string& feed, ResourceType type, const std::string& name) = 0;
  virtual void on_connected(const std::string& feed) = 0;
  /// Nothing more will come of this type for now: the stream ended, or the file cannot be read.
  virtual void on_failure(const std::string& feed, ResourceType type) = 0;
  virtual void on_disconnected(const std::string& feed) = 0;
  /// A NACK has to wait, because there were many.
  virtual void on_nack_held() = 0;
  /// The version of the resource of that name that serves, or is to; "": it is not here.
  [[nodiscard]] virtual std::string version_of(const std::string& feed, ResourceType type,
                                               const std::string& name) const = 0;
  /// When next_deadline() has passed.
  virtual void on_time(MonotonicTime now) = 0;
  [[nodiscard]] virtual MonotonicTime next_deadline() const = 0;
};

}  // namespace remora::xds

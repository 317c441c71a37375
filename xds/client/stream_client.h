#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "client/grpc_target.h"
#include "client/resource_feed.h"
#include "client/stream_identity.h"

namespace remora::xds {

/// A stream to a management server and the protocol that is spoken on it, whichever variant.
class StreamClient : public ResourceFeed {
 public:
  virtual void start() = 0;
  /// Lets the thread end, without waiting for it. With the mutex held.
  virtual void retire() = 0;
  [[nodiscard]] virtual bool has_ended() const = 0;
  /// Returns once its thread has ended. Without the mutex, unless it has ended. Idempotent.
  virtual void stop() = 0;
  /// The protocol may have something to say. With the mutex held.
  virtual void wake() = 0;
};

/// "/envoy.service.../StreamClusters": the call for one type.
std::string discovery_method(ResourceType type, bool is_delta);
/// The call for all types.
std::string aggregated_method(bool is_delta);

struct StreamOptions {
  GrpcTarget target;
  std::string method;
  bool is_delta = false;
  StreamIdentity identity;
};
/// Borrowed: the receiver, and the mutex that guards all that is used here.
std::unique_ptr<StreamClient> make_stream_client(StreamOptions options, ResourceReceiver& receiver,
                                                 std::mutex& mutex);

}  // namespace remora::xds

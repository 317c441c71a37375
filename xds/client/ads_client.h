#pragma once

#include <memory>
#include <mutex>

#include "client/ads_config.h"
#include "client/resource_feed.h"
#include "envoy/config/core/v3/base.pb.h"

namespace remora::xds {

/// A stream to a management server and the protocol that is spoken on it, whichever variant.
class StreamClient {
 public:
  StreamClient() = default;
  StreamClient(const StreamClient&) = delete;
  StreamClient& operator=(const StreamClient&) = delete;
  virtual ~StreamClient() = default;
  virtual ResourceFeed& feed() = 0;
  virtual void start() = 0;
  /// Returns once its thread has ended. Without the mutex. Idempotent.
  virtual void stop() = 0;
  /// The protocol may have something to say. With the mutex held.
  virtual void wake() = 0;
};

/// The aggregated stream. Borrowed: `config`, `receiver`, and the mutex that guards all that is used here.
std::unique_ptr<StreamClient> make_ads_client(const AdsConfig& config,
                                              const envoy::config::core::v3::Node& node,
                                              ResourceReceiver& receiver, std::mutex& mutex);

}  // namespace remora::xds

#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>

#include "api/metrics_service.grpc.pb.h"

namespace remora::telemetry {

/// What marks a stream that one replica has passed on to another: it goes no further.
inline constexpr const char* kPassedOn = "x-remora-passed-on";

/// One proxy's reports on their way to the replica that leads. Owned by gRPC until the call is over.
class OnwardStream final
    : public grpc::ClientWriteReactor<envoy::service::metrics::v3::StreamMetricsMessage> {
 public:
  using Message = envoy::service::metrics::v3::StreamMetricsMessage;
  using Stub = envoy::service::metrics::v3::MetricsService::Stub;

  /// `written` is called on gRPC's threads with the fate of each message, and with
  /// false when the other end is done. End it with end(), once.
  static OnwardStream* open(Stub& stub, std::function<void(bool ok)> written);

  /// Takes the message; the next one after `written`.
  void write(Message& message);
  /// Gives the call up. It may not be touched any more.
  void end();

  void OnWriteDone(bool ok) override { written_(ok); }
  /// The other end says nothing before it ends the call.
  void OnReadInitialMetadataDone(bool /*ok*/) override { written_(false); }
  void OnDone(const grpc::Status& status) override;

 private:
  explicit OnwardStream(std::function<void(bool ok)> written) : written_(std::move(written)) {}

  const std::function<void(bool ok)> written_;
  grpc::ClientContext call_;
  Message message_;
  envoy::service::metrics::v3::StreamMetricsResponse response_;
};

}  // namespace remora::telemetry

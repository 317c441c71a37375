#include "telemetry/onward_stream.h"

namespace remora::telemetry {

OnwardStream* OnwardStream::open(Stub& stub, std::function<void(bool ok)> written) {
  auto* stream = new OnwardStream(std::move(written));  // NOLINT: gRPC's, until OnDone
  stream->call_.AddMetadata(kPassedOn, "1");
  stub.async()->StreamMetrics(&stream->call_, &stream->response_, stream);
  stream->AddHold();  // until end(): who writes must not have to know whether the call is over
  stream->StartCall();
  return stream;
}

void OnwardStream::write(Message& message) {
  message_.Swap(&message);
  StartWrite(&message_);
}

void OnwardStream::end() {
  call_.TryCancel();
  RemoveHold();
}

void OnwardStream::OnDone(const grpc::Status& /*status*/) {
  delete this;  // NOLINT: nobody knows it any more
}

}  // namespace remora::telemetry

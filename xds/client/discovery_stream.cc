#include "client/discovery_stream.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <malloc.h>

#include <utility>

#include "client/delta_protocol.h"
#include "client/log.h"
#include "client/sotw_protocol.h"

namespace remora::xds {
namespace {

constexpr size_t kLargeResponse = size_t{1} << 20;

void* to_pointer(intptr_t tag) { return reinterpret_cast<void*>(tag); }  // NOLINT: gRPC's tags are pointers

/// gRPC's deadlines are on the calendar's clock.
std::chrono::system_clock::time_point to_wall(MonotonicTime time) {
  using std::chrono::system_clock;
  constexpr auto kFar = std::chrono::hours(24);
  const auto now = std::chrono::steady_clock::now();
  if (time == MonotonicTime::max() || time - now > kFar) return system_clock::now() + kFar;
  return system_clock::now() + std::chrono::duration_cast<system_clock::duration>(time - now);
}

}  // namespace

template <typename Protocol>
DiscoveryStream<Protocol>::DiscoveryStream(const GrpcTarget& target, std::string method, Protocol& protocol,
                                           std::mutex& mutex)
    : target_(target),
      method_(std::move(method)),
      protocol_(protocol),
      mutex_(mutex) {}

template <typename Protocol>
DiscoveryStream<Protocol>::~DiscoveryStream() {
  stop();
}

template <typename Protocol>
void DiscoveryStream<Protocol>::start() {
  thread_ = std::thread([this] { run(); });
}

template <typename Protocol>
void DiscoveryStream<Protocol>::stop() {
  if (!thread_.joinable()) return;
  if (!has_ended_) {
    const std::lock_guard lock(mutex_);
    retire();
  }
  thread_.join();
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {}
}

template <typename Protocol>
void DiscoveryStream<Protocol>::retire() {
  stopping_ = true;
  wake();
}

template <typename Protocol>
void DiscoveryStream<Protocol>::wake() {
  if (std::exchange(is_woken_, true)) return;
  wake_.Set(&queue_, std::chrono::system_clock::now(), to_pointer(kWoken));
}

template <typename Protocol>
void DiscoveryStream<Protocol>::run() {
  while (!stopping_) {
    serve();
    if (!stopping_) pause(back_off_.next());
  }
  {
    const std::lock_guard lock(mutex_);
    is_woken_ = true;  // for good: the queue is shut down next, and nothing may be put into it any more
  }
  has_ended_ = true;
}

template <typename Protocol>
void DiscoveryStream<Protocol>::serve() {
  grpc::TemplatedGenericStub<Request, Response> stub(make_grpc_channel(target_));
  context_ = std::make_unique<grpc::ClientContext>();
  for (const auto& [name, value] : make_metadata(target_.initial_metadata)) {
    context_->AddMetadata(name, value);
  }
  pending_ = 1;
  reading_ = writing_ = established_ = ended_ = false;
  stream_ = stub.PrepareCall(context_.get(), method_, &queue_);
  stream_->StartCall(to_pointer(kStarted));
  while (pending_ > 0) {
    const Event event = wait(MonotonicTime::max());
    if (stopping_) context_->TryCancel();
    if (!event.timed_out) on_event(event);
  }
  {
    const std::lock_guard lock(mutex_);
    protocol_.disconnected();
  }
  if (!stopping_) {
    log(LogLevel::kWarning, "the stream to the management server " + target_.target + " ended: " +
                                (status_.error_message().empty() ? "closed" : status_.error_message()));
  }
  stream_.reset();
  context_.reset();
}

template <typename Protocol>
void DiscoveryStream<Protocol>::on_event(const Event& event) {
  if (event.tag != kWoken) --pending_;
  if (event.tag == kFinished) return;
  // After a failed write nothing more is sent: the pending read ends too, and then the stream.
  if (event.tag == kWritten) {
    writing_ = !event.ok;
    const std::lock_guard lock(mutex_);
    if (writing_ || !protocol_.is_behind()) read_next();
    return;
  }
  if (event.tag == kRead) reading_ = false;
  if (!event.ok && event.tag != kWoken) {
    ended_ = true;
    stream_->Finish(&status_, to_pointer(kFinished));
    ++pending_;
    // A message that is no DiscoveryResponse ends our reading, not the server's stream: without this the end
    // would never come. A stream that has ended keeps its own status.
    context_->TryCancel();
    return;
  }
  if (event.tag == kStarted) {
    established_ = true;
    const std::lock_guard lock(mutex_);
    protocol_.connected();
    read_next();
  } else if (event.tag == kRead) {
    back_off_.reset();
    const bool is_large = response_.ByteSizeLong() > kLargeResponse;
    const std::lock_guard lock(mutex_);
    protocol_.received(response_, std::chrono::steady_clock::now(), std::chrono::system_clock::now());
    if (!protocol_.is_behind()) read_next();
    if (is_large) malloc_trim(0);  // a push of the whole mesh must not stay in the heap as free blocks
  }
}

template <typename Protocol>
void DiscoveryStream<Protocol>::read_next() {
  if (ended_ || reading_ || !established_) return;
  reading_ = true;
  Response().Swap(&response_);  // Clear() would keep the memory of the last one
  stream_->Read(&response_, to_pointer(kRead));
  ++pending_;
}

template <typename Protocol>
void DiscoveryStream<Protocol>::send_next() {
  if (!established_ || writing_ || ended_) return;
  {
    const std::lock_guard lock(mutex_);
    auto next = protocol_.next_request();
    if (!next) return;
    request_ = std::move(*next);
  }
  writing_ = true;
  ++pending_;
  stream_->Write(request_, to_pointer(kWritten));
}

template <typename Protocol>
typename DiscoveryStream<Protocol>::Event DiscoveryStream<Protocol>::wait(MonotonicTime until) {
  {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (protocol_.next_deadline() <= now) protocol_.on_time(now);
    until = std::min(until, protocol_.next_deadline());
  }
  if (stream_) send_next();
  void* tag = nullptr;
  Event event;
  if (queue_.AsyncNext(&tag, &event.ok, to_wall(until)) == grpc::CompletionQueue::GOT_EVENT) {
    event.tag = static_cast<Tag>(reinterpret_cast<intptr_t>(tag));
    if (event.tag == kWoken) {
      const std::lock_guard lock(mutex_);
      is_woken_ = false;
    }
  } else {
    event.timed_out = true;
  }
  return event;
}

template <typename Protocol>
void DiscoveryStream<Protocol>::pause(Milliseconds delay) {
  const auto until = std::chrono::steady_clock::now() + delay;
  while (!stopping_ && std::chrono::steady_clock::now() < until) wait(until);
}

template class DiscoveryStream<SotwProtocol>;
template class DiscoveryStream<DeltaProtocol>;

}  // namespace remora::xds

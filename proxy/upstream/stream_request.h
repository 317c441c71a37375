#pragma once

#include <string_view>

#include "remora/core/failure.h"
#include "remora/http/stream.h"
#include "upstream/limit.h"

namespace remora {

class HostPool;
class UpstreamConnection;

/// Someone who wants a stream to an upstream host: an attempt of an exchange, or a shadow of one. Waits in
/// its pool (linked into it, no allocation) until a connection can take it. Worker thread only.
class StreamRequest {
 public:
  /// A connection took it: send the request into `request`. Comes at most once, possibly from within
  /// HostPool::open.
  virtual void on_stream(MessageSink& request, UpstreamConnection& connection) = 0;
  /// There will be no stream. `transport_failure` says what the connection attempt met; may be empty.
  virtual void on_no_stream(Failure failure, std::string_view transport_failure) = 0;
  /// Who receives the response.
  virtual MessageEvents& response_events() = 0;

  /// Waiting in a pool's queue.
  [[nodiscard]] bool waiting() const { return pool_ != nullptr; }
  /// Gives up waiting; nothing if not waiting.
  void cancel_wait();

 protected:
  StreamRequest() = default;
  virtual ~StreamRequest() { cancel_wait(); }

 private:
  friend class HostPool;
  HostPool* pool_ = nullptr;
  StreamRequest* previous_ = nullptr;
  StreamRequest* next_ = nullptr;
  bool high_priority_ = false;
  BreakerUnit unit_;  // of pending requests
};

}  // namespace remora

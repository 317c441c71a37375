#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "health_check/probe.h"
#include "http/codec.h"
#include "net/connection.h"

namespace remora {

class CheckConnection;

class CheckConnectionOwner {
 public:
  /// Requests can be sent.
  virtual void on_ready() = 0;
  /// The connection is gone, and the request that was open has been reset (with its own on_reset) before.
  /// `why` says how. The owner gives the object to the reactor to be freed.
  virtual void on_closed(const std::string& why) = 0;

 protected:
  ~CheckConnectionOwner() = default;
};

/// A connection that one host is asked on, HTTP/1 or HTTP/2: one request at a time. Main thread.
class CheckConnection final : public Disposable,
                              private ConnectionOwner,
                              private ClientCodecEvents,
                              private BodySource {
 public:
  CheckConnection(std::shared_ptr<CheckedCluster> cluster, CheckConnectionOwner& owner, bool http2);
  ~CheckConnection() override;

  /// "", or why it is not possible; on_ready() or on_closed() follows otherwise.
  std::string connect(const Endpoint& endpoint) { return connect_to_check(*cluster_, endpoint, connection_); }
  /// Only when ready. Null: it takes no request any more.
  MessageSink* open(MessageEvents& response);
  [[nodiscard]] bool ready() const { return codec_ != nullptr && !closed_; }
  /// It can carry another request.
  [[nodiscard]] bool reusable() const { return ready() && !spent_; }
  /// Closes without a word to the owner, nor to who waits for a response.
  void close();

 private:
  void on_connected() override;
  size_t on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_error(int error) override;
  void on_written(size_t bytes, bool all) override;
  void on_stream_done(MessageEvents& response, StreamEnd end) override;
  void on_going_away() override;
  void on_capacity() override {}
  void on_connection_failed(Failure failure) override;
  void on_window_open() override { connection_.resume_reading(); }

  void lose(const std::string& why);

  std::shared_ptr<CheckedCluster> cluster_;  // until the codec is freed
  CheckConnectionOwner& owner_;
  Connection connection_;
  CreditAccount* account_;
  std::unique_ptr<ClientCodec> codec_;  // null until connected
  bool http2_;
  bool spent_ = false;
  bool closed_ = false;
};

}  // namespace remora

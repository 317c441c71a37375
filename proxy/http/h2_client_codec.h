#pragma once

#include "http/codec.h"
#include "http/h2_session.h"

namespace remora {

/// HTTP/2, client side.
class H2ClientCodec final : public ClientCodec, private H2Session {
 public:
  /// All borrowed.
  H2ClientCodec(Connection& connection, Reactor& reactor, ClientCodecEvents& owner,
                const H2Settings& settings);

  MessageSink& open(MessageEvents& response) override;
  [[nodiscard]] size_t capacity() const override;
  [[nodiscard]] size_t active_streams() const override { return stream_count(); }
  size_t receive(std::string_view bytes) override;
  void on_end() override;
  void on_connection_lost(Failure failure) override;
  void on_output_sent() override { on_sent(); }

 private:
  H2Stream* on_new_stream(int32_t /*id*/) override { return nullptr; }
  void on_section(H2Stream& stream, bool end) override;
  void on_remote_end(H2Stream& stream) override;
  void on_local_end_sent(H2Stream& /*stream*/) override {}
  void on_cut(H2Stream& stream, Failure failure) override;
  [[nodiscard]] Failure cut_failure(const H2Stream& stream) const override;
  void on_reset_here(MessageEvents* events) override;
  void submit_head(H2Stream& stream, const HeaderMap& head, bool end) override;
  void before_gathering() override;
  void on_peer_settings() override;
  void on_peer_goaway() override;
  void on_finished() override;
  void on_fault(CodecFault fault) override;

  void on_interim(H2Stream& stream, bool end);
  void on_final_head(H2Stream& stream, bool end);

  ClientCodecEvents& owner_;
  bool settings_seen_ = false;
  bool going_away_ = false;
  bool too_late_ = false;  // there are requests that found no room
};

}  // namespace remora

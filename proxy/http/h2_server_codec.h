#pragma once

#include "http/codec.h"
#include "http/h2_session.h"

namespace remora {

/// HTTP/2, server side.
class H2ServerCodec final : public ServerCodec, private H2Session {
 public:
  /// All borrowed.
  H2ServerCodec(Connection& connection, Reactor& reactor, ServerCodecEvents& owner,
                const H2Settings& settings);

  /// What a client that knows HTTP/2 sends first (RFC 9113 section 3.4).
  using H2Session::kPreface;

  size_t receive(std::string_view bytes) override;
  bool on_end() override { return stream_count() == 0; }
  void start_drain() override;
  void finish_drain() override;
  void go_away_now() override { fault(CodecFault::kOverload); }
  void on_output_sent() override { on_sent(); }
  [[nodiscard]] bool busy() const override { return stream_count() > 0; }
  [[nodiscard]] bool inside_head() const override { return inside_section_; }
  void refuse_head(HeadError /*error*/) override { fault(CodecFault::kHeadTimeout); }

 private:
  H2Stream* on_new_stream(int32_t id) override;
  void on_section(H2Stream& stream, bool end) override;
  void on_remote_end(H2Stream& /*stream*/) override {}
  void on_local_end_sent(H2Stream& stream) override;
  void on_cut(H2Stream& stream, Failure failure) override;
  [[nodiscard]] Failure cut_failure(const H2Stream& stream) const override;
  void on_reset_here(MessageEvents* events) override;
  void submit_head(H2Stream& stream, const HeaderMap& head, bool end) override;
  void on_fault(CodecFault fault) override { owner_.on_connection_failed(fault); }
  void on_finished() override { owner_.on_connection_finished(); }

  void open(H2Stream& stream, bool end);
  void stream_over(MessageEvents* events, bool premature);

  ServerCodecEvents& owner_;
  bool draining_ = false;
  bool goaway_ = false;
};

}  // namespace remora

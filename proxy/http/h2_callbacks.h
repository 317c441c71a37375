#pragma once

#include <nghttp2/nghttp2.h>

#include "http/h2_session.h"

namespace remora {

/// What nghttp2 calls, for H2Session. Included by the session's own sources only.
struct H2Callbacks {
  /// Shared by all sessions; never freed.
  static const nghttp2_session_callbacks* get();
  /// Where the bodies of messages come from.
  static nghttp2_data_provider body();

  // Receiving.
  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user);
  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_length,
                       const uint8_t* value, size_t value_length, uint8_t flags, void* user);
  static int on_invalid_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                               size_t name_length, const uint8_t* value, size_t value_length, uint8_t flags,
                               void* user);
  static int on_data_chunk(nghttp2_session*, uint8_t flags, int32_t id, const uint8_t* data, size_t length,
                           void* user);
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int error, void* user);
  static int on_stream_close(nghttp2_session*, int32_t id, uint32_t code, void* user);

  // Sending.
  static ssize_t read_body(nghttp2_session*, int32_t id, uint8_t* buffer, size_t length, uint32_t* flags,
                           nghttp2_data_source*, void* user);
  static int send_data(nghttp2_session*, nghttp2_frame* frame, const uint8_t* head, size_t length,
                       nghttp2_data_source*, void* user);
  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int error, void* user);

 private:
  static H2Session& session_of(void* user) { return *static_cast<H2Session*>(user); }
  /// Null for streams that are over here.
  static H2Stream* find(H2Session& session, int32_t id);
  /// The same, and those that are reset at the end of this turn.
  static H2Stream* find_sending(H2Session& session, int32_t id);
  static void end_of_data(H2Session& session, H2Stream& stream);
};

/// The fields of a head or of trailers as nghttp2 wants them, until the next call on this thread.
struct H2Fields {
  const nghttp2_nv* data;
  size_t size;
};
H2Fields h2_request_fields(const HeaderMap& head, bool upgrade);
H2Fields h2_response_fields(const HeaderMap& head, bool upgrade);
H2Fields h2_trailer_fields(const HeaderMap& trailers);

}  // namespace remora

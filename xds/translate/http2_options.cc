#include "translate/http2_options.h"

#include <algorithm>

#include "translate/values.h"

namespace remora::xds {
namespace {

using Proto = envoy::config::core::v3::Http2ProtocolOptions;

void take(bool present, const google::protobuf::UInt32Value& value, uint32_t& target) {
  if (present) target = value.value();
}

void set_flow_control(const Proto& options, Http2Options& out) {
  take(options.has_hpack_table_size(), options.hpack_table_size(), out.hpack_table_size);
  take(options.has_max_concurrent_streams(), options.max_concurrent_streams(), out.max_concurrent_streams);
  take(options.has_initial_stream_window_size(), options.initial_stream_window_size(),
       out.initial_stream_window_size);
  take(options.has_initial_connection_window_size(), options.initial_connection_window_size(),
       out.initial_connection_window_size);
}

void set_flood_limits(const Proto& options, Http2Options& out) {
  take(options.has_max_outbound_frames(), options.max_outbound_frames(), out.max_outbound_frames);
  take(options.has_max_outbound_control_frames(), options.max_outbound_control_frames(),
       out.max_outbound_control_frames);
  take(options.has_max_consecutive_inbound_frames_with_empty_payload(),
       options.max_consecutive_inbound_frames_with_empty_payload(),
       out.max_consecutive_inbound_frames_with_empty_payload);
  take(options.has_max_inbound_priority_frames_per_stream(), options.max_inbound_priority_frames_per_stream(),
       out.max_inbound_priority_frames_per_stream);
  take(options.has_max_inbound_window_update_frames_per_data_frame_sent(),
       options.max_inbound_window_update_frames_per_data_frame_sent(),
       out.max_inbound_window_update_frames_per_data_frame_sent);
}

void set_keepalive(const envoy::config::core::v3::KeepaliveSettings& keepalive, Context& context,
                   Http2Options& out) {
  const auto scope = context.in("connection_keepalive");
  if (keepalive.has_interval())
    out.keepalive_interval = to_milliseconds(keepalive.interval(), "interval", context);
  out.keepalive_timeout = to_milliseconds(keepalive.timeout(), "timeout", context);
  if (keepalive.has_interval_jitter()) {
    out.keepalive_jitter_percent =
        static_cast<uint32_t>(std::clamp(keepalive.interval_jitter().value(), 0.0, 100.0));
  }
  if (keepalive.has_connection_idle_interval()) {
    out.keepalive_idle_interval =
        to_milliseconds(keepalive.connection_idle_interval(), "connection_idle_interval", context);
  }
}

}  // namespace

void set_http2(const Proto& options, Context& context, Http2Options& out) {
  set_flow_control(options, out);
  set_flood_limits(options, out);
  out.allow_connect = options.allow_connect();
  // The newer field wins over the deprecated one, which a plain bool cannot have unset.
  if (options.stream_error_on_invalid_http_messaging()) out.stream_error_on_invalid_http_messaging = true;
  if (options.has_override_stream_error_on_invalid_http_message()) {
    out.stream_error_on_invalid_http_messaging =
        options.override_stream_error_on_invalid_http_message().value();
  }
  if (options.has_connection_keepalive()) set_keepalive(options.connection_keepalive(), context, out);
}

}  // namespace remora::xds

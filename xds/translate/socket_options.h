#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <memory>
#include <string_view>
#include <vector>

#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/core/v3/socket_option.pb.h"
#include "remora/config/socket.h"
#include "translate/context.h"

namespace remora::xds {

using ProtoSocketOptions = google::protobuf::RepeatedPtrField<envoy::config::core::v3::SocketOption>;

/// Options of a field. Errors: a number that is no int.
std::vector<SocketOption> to_socket_options(const ProtoSocketOptions& options, std::string_view field,
                                            Context& context);

/// Of a socket that asks its silent peer whether it is still there; what is not set is the kernel's.
std::vector<SocketOption> to_keepalive_options(const envoy::config::core::v3::TcpKeepalive& keepalive);

/// Standing at the message. Null: it says nothing. Errors: more than one extra source, or one of the same
/// family.
std::shared_ptr<const UpstreamBind> to_upstream_bind(const envoy::config::core::v3::BindConfig& bind,
                                                     Context& context);

}  // namespace remora::xds

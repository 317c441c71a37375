#pragma once

#include "admin/json_writer.h"
#include "remora/core/address.h"

namespace remora::admin {

/// An address in the JSON form of envoy.config.core.v3.Address.
inline void write_address(JsonWriter& json, const Address& address) {
  json.begin_object();
  json.key(address.is_unix() ? "pipe" : "socket_address");
  json.begin_object();
  if (address.is_unix()) {
    json.member("path", address.host());
  } else {
    json.member("address", address.host());
    json.member("port_value", address.port());
  }
  json.end_object();
  json.end_object();
}

}  // namespace remora::admin

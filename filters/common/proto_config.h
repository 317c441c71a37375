#pragma once

#include <string>
#include <string_view>

#include "remora/config/report.h"

namespace google::protobuf {
class Message;
}

namespace remora::filters {

/// Where a filter's configuration comes from, for its config.cc. Borrowed for the call.
struct FilterSource {
  std::string_view name;    ///< Envoy's instance name
  std::string_view bytes;   ///< the serialized message
  const std::string& path;  ///< for findings
};

/// Parses the message; false, with an error reported, if the bytes are not one or hold fields that it does
/// not have (of a newer Istio, say): what they would do is unknown, so they are not passed over.
bool parse_config(const FilterSource& source, google::protobuf::Message& message, ConfigReport& report);

}  // namespace remora::filters

#include "translate/route_parts.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "translate/content_hash.h"

namespace remora::xds {

using google::protobuf::internal::WireFormatLite;
using Proto = envoy::config::route::v3::RouteConfiguration;

Result<RouteParts> take_apart(std::string_view bytes) {
  constexpr uint32_t kHost =
      WireFormatLite::MakeTag(Proto::kVirtualHostsFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  const Error broken{"the bytes are not a valid " + Proto::descriptor()->full_name()};
  RouteParts parts;
  std::string head;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  while (true) {
    const auto begin = static_cast<size_t>(in.CurrentPosition());
    const uint32_t tag = in.ReadTag();
    if (tag == 0) {
      if (!in.ConsumedEntireMessage() || begin != bytes.size()) return broken;
      break;
    }
    if (tag == kHost) {
      uint32_t size = 0;
      if (!in.ReadVarint32(&size) || size > bytes.size()) return broken;
      const auto at = static_cast<size_t>(in.CurrentPosition());
      if (!in.Skip(static_cast<int>(size))) return broken;
      const std::string_view host = bytes.substr(at, size);
      parts.hosts.push_back({host, content_hash(host)});
      continue;
    }
    if (!WireFormatLite::SkipField(&in, tag)) return broken;
    head += bytes.substr(begin, static_cast<size_t>(in.CurrentPosition()) - begin);
  }
  if (!parts.head.ParseFromString(head)) return broken;
  parts.digest = content_hash(head);
  return parts;
}

}  // namespace remora::xds

#pragma once

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace remora::xds {

/// FNV-1a with a final mix: the same in every process, so that versions can be compared in statistics.
inline uint64_t content_hash(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (const unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3ull;
  hash ^= hash >> 32;
  return hash * 0x9e3779b97f4a7c15ull;
}

/// Of a message: maps are put in order first.
inline uint64_t content_hash(const google::protobuf::MessageLite& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return content_hash(bytes);
}

}  // namespace remora::xds

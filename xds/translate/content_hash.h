#pragma once

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace remora::xds {

/// Eight bytes at a time, since route tables have megabytes; multiplied and folded. The same in every
/// process, so that versions can be compared in statistics.
inline uint64_t content_hash(std::string_view bytes) {
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15ull;
  uint64_t hash = 0xcbf29ce484222325ull ^ bytes.size();
  const auto fold = [&](const char* from, size_t count) {
    uint64_t word = 0;
    std::memcpy(&word, from, count);
    hash = (hash ^ word) * kFactor;
    hash ^= hash >> 29;
  };
  for (; bytes.size() >= sizeof(uint64_t); bytes.remove_prefix(sizeof(uint64_t))) fold(bytes.data(), 8);
  if (!bytes.empty()) fold(bytes.data(), bytes.size());
  return (hash ^ (hash >> 32)) * kFactor;
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

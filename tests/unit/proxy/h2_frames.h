#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace remora::h2 {

/// HTTP/2 frames written by hand, as a hostile peer would (RFC 9113 section 4.1).
inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum Type : uint8_t {
  kData,
  kHeaders,
  kPriority,
  kRstStream,
  kSettings,
  kPushPromise,
  kPing,
  kGoaway,
  kWindowUpdate,
  kContinuation
};
enum Flag : uint8_t { kNone = 0, kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8 };

enum ErrorCode : uint32_t {
  kNoError = 0,
  kProtocolError = 1,
  kStreamClosed = 5,
  kRefusedStream = 7,
  kCancel = 8,
  kEnhanceYourCalm = 11
};

inline std::string number(uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

inline std::string frame(Type type, uint8_t flags, uint32_t stream, std::string_view payload) {
  return number(static_cast<uint32_t>(payload.size())).substr(1) + static_cast<char>(type) +
         static_cast<char>(flags) + number(stream) + std::string(payload);
}

using Fields = std::vector<std::pair<std::string, std::string>>;

/// A field section of literals without indexing and without Huffman coding.
inline std::string section(const Fields& fields) {
  const auto text = [](const std::string& bytes) {
    std::string out;
    if (bytes.size() < 127) {
      out += static_cast<char>(bytes.size());
    } else {
      out += static_cast<char>(127);
      for (size_t rest = bytes.size() - 127;; rest >>= 7) {
        out += static_cast<char>(rest < 128 ? rest : (rest & 127) | 128);
        if (rest < 128) break;
      }
    }
    return out + bytes;
  };
  std::string out;
  for (const auto& [name, value] : fields) out += '\0' + text(name) + text(value);
  return out;
}

inline Fields get(const Fields& more = {}) {
  Fields fields = {{":method", "GET"}, {":scheme", "http"}, {":authority", "a.test"}, {":path", "/"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

/// HEADERS in one frame.
inline std::string headers(uint32_t stream, const Fields& fields, bool end = true) {
  return frame(kHeaders, kEndHeaders | (end ? kEndStream : 0), stream, section(fields));
}

struct Frame {
  uint8_t type;
  uint8_t flags;
  uint32_t stream;
  std::string payload;

  /// The error code of RST_STREAM or GOAWAY.
  [[nodiscard]] uint32_t code() const {
    const auto at = type == kGoaway ? 4u : 0u;
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(payload[at + i]);
    return value;
  }
};

/// Cuts bytes (without a preface) into frames.
inline std::vector<Frame> parse(std::string_view bytes) {
  std::vector<Frame> frames;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  while (bytes.size() >= 9) {
    const size_t size = static_cast<size_t>(byte(0)) << 16 | static_cast<size_t>(byte(1)) << 8 | byte(2);
    const uint32_t stream = static_cast<uint32_t>(byte(5) & 0x7f) << 24 |
                            static_cast<uint32_t>(byte(6)) << 16 | static_cast<uint32_t>(byte(7)) << 8 |
                            byte(8);
    frames.push_back({byte(3), byte(4), stream, std::string(bytes.substr(9, size))});
    bytes.remove_prefix(std::min(bytes.size(), 9 + size));
  }
  return frames;
}

}  // namespace remora::h2

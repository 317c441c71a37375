#include <algorithm>
#include <optional>

#include "listener/byte_reader.h"
#include "listener/inspect.h"

namespace remora {
namespace {

constexpr uint32_t kHandshakeRecord = 22;
constexpr uint32_t kClientHelloMessage = 1;
constexpr uint32_t kServerNameExtension = 0;
constexpr uint32_t kAlpnExtension = 16;
constexpr uint32_t kHostName = 0;
constexpr size_t kMaxRecord = 16 * 1024;
constexpr size_t kMaxServerName = 255;
constexpr size_t kRecordHeader = 5;
constexpr size_t kMessageHeader = 4;

/// The handshake bytes that have come, over as many records as they take. Most often one: then no copy.
struct Handshake {
  Inspection state = Inspection::kMore;
  std::string_view bytes;
  std::string joined;
};

/// Appends the payload of one record; false: there is none, `out.state` says why.
bool next_record(std::string_view& bytes, Handshake& out) {
  if (bytes.empty()) return false;
  const auto byte = [&bytes](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  // Decided with as few bytes as possible: clients that speak something else may wait for an answer.
  const bool wrong = byte(0) != kHandshakeRecord || (bytes.size() > 1 && byte(1) != 3);
  if (wrong) out.state = Inspection::kNotFound;
  if (wrong || bytes.size() < kRecordHeader) return false;
  const size_t length = static_cast<size_t>(byte(3)) << 8 | byte(4);
  if (length == 0 || length > kMaxRecord) {
    out.state = Inspection::kNotFound;
    return false;
  }
  const auto payload = bytes.substr(kRecordHeader, length);
  if (out.bytes.empty()) {
    out.bytes = payload;
  } else {
    if (out.joined.empty()) out.joined = out.bytes;
    out.joined += payload;
    out.bytes = out.joined;
  }
  const bool whole = payload.size() == length;
  bytes.remove_prefix(kRecordHeader + payload.size());
  return whole;
}

/// The size of the first handshake message, header included; nothing while it is not known.
std::optional<size_t> message_size(std::string_view handshake) {
  if (handshake.size() < kMessageHeader) return std::nullopt;
  ByteReader reader(handshake.substr(1));
  return kMessageHeader + reader.number(3);
}

void collect(std::string_view bytes, Handshake& out) {
  while (next_record(bytes, out)) {
    const auto size = message_size(out.bytes);
    if (size && out.bytes.size() >= *size) break;
  }
  if (out.state != Inspection::kMore || out.bytes.empty()) return;
  if (static_cast<unsigned char>(out.bytes[0]) != kClientHelloMessage) {
    out.state = Inspection::kNotFound;
    return;
  }
  const auto size = message_size(out.bytes);
  if (!size) return;
  if (*size > kMaxClientHello) {
    out.state = Inspection::kTooLarge;
  } else if (out.bytes.size() >= *size) {
    out.bytes = out.bytes.substr(kMessageHeader, *size - kMessageHeader);
    out.state = Inspection::kFound;
  }
}

bool read_server_name(std::string_view extension, TlsOffer& offer) {
  ByteReader list(ByteReader(extension).piece(2));
  const auto kind = list.number(1);
  const auto name = list.piece(2);
  // One name, as every client sends it; a NUL in it would mean different things to different readers.
  if (!list.ok() || !list.at_end() || kind != kHostName || name.empty() || name.size() > kMaxServerName ||
      name.find('\0') != std::string_view::npos || extension.size() != name.size() + 5)
    return false;
  offer.server_name = name;
  std::transform(offer.server_name.begin(), offer.server_name.end(), offer.server_name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return true;
}

/// What is malformed here is the TLS stack's to refuse: it counts as not sent.
void read_protocols(std::string_view extension, TlsOffer& offer) {
  ByteReader outer(extension);
  ByteReader list(outer.piece(2));
  std::vector<std::string> protocols;
  while (list.ok() && !list.at_end()) {
    protocols.emplace_back(list.piece(1));
    if (protocols.back().empty()) return;
  }
  if (outer.ok() && outer.at_end() && list.ok()) offer.protocols = std::move(protocols);
}

bool read_hello(std::string_view body, TlsOffer& offer) {
  ByteReader reader(body);
  reader.take(2 + 32);  // version, random
  const auto session = reader.piece(1);
  const auto ciphers = reader.piece(2);
  const auto compression = reader.piece(1);
  if (!reader.ok() || session.size() > 32 || ciphers.size() < 2 || ciphers.size() % 2 != 0 ||
      compression.empty())
    return false;
  if (reader.at_end()) return true;
  ByteReader extensions(reader.piece(2));
  if (!reader.ok() || !reader.at_end()) return false;
  bool named = false;
  while (!extensions.at_end()) {
    const auto type = extensions.number(2);
    const auto content = extensions.piece(2);
    if (!extensions.ok()) return false;
    if (type == kServerNameExtension && (std::exchange(named, true) || !read_server_name(content, offer)))
      return false;
    if (type == kAlpnExtension) read_protocols(content, offer);
  }
  return true;
}

}  // namespace

Inspection inspect_client_hello(std::string_view bytes, TlsOffer& offer) {
  Handshake handshake;
  collect(bytes.substr(0, kMaxClientHello), handshake);
  if (handshake.state == Inspection::kMore && bytes.size() >= kMaxClientHello) return Inspection::kTooLarge;
  if (handshake.state != Inspection::kFound) return handshake.state;
  return read_hello(handshake.bytes, offer) ? Inspection::kFound : Inspection::kNotFound;
}

}  // namespace remora

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "listener/byte_reader.h"
#include "listener/inspect.h"

namespace remora {
namespace {

constexpr std::string_view kSignatureV1 = "PROXY ";
constexpr std::string_view kSignatureV2{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr size_t kMaxV1 = 107;  // with its CRLF
constexpr size_t kHeaderV2 = 16;

bool begins(std::string_view bytes, std::string_view signature) {
  const size_t known = std::min(bytes.size(), signature.size());
  return bytes.substr(0, known) == signature.substr(0, known);
}

/// What TCP can come from and go to: neither "any" nor multicast nor broadcast.
bool is_unicast(const Address& address) {
  if (address.family() == AF_INET) {
    const auto host = ntohl(reinterpret_cast<const sockaddr_in*>(address.sockaddr_ptr())->sin_addr.s_addr);
    return host != 0 && host != 0xffffffff && host >> 28 != 0xe;
  }
  const auto& host = reinterpret_cast<const sockaddr_in6*>(address.sockaddr_ptr())->sin6_addr;
  return !IN6_IS_ADDR_UNSPECIFIED(&host) && host.s6_addr[0] != 0xff;
}

std::optional<Address> read_address(std::string_view host, std::string_view port, int family) {
  uint16_t number = 0;
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), number);
  if (port.empty() || parsed.ec != std::errc() || parsed.ptr != port.data() + port.size())
    return std::nullopt;
  auto address = Address::ip(host, number);
  if (!address || address->family() != family) return std::nullopt;
  return *address;
}

/// "PROXY TCP4 <source> <destination> <source port> <destination port>", without its CRLF.
bool read_v1_line(std::string_view line, ProxyHeader& header) {
  std::vector<std::string_view> words;
  while (true) {
    const size_t space = line.find(' ');
    words.push_back(line.substr(0, space));
    if (space == std::string_view::npos) break;
    line.remove_prefix(space + 1);
  }
  if (words.size() >= 2 && words[1] == "UNKNOWN") return true;
  if (words.size() != 6 || (words[1] != "TCP4" && words[1] != "TCP6")) return false;
  const int family = words[1] == "TCP4" ? AF_INET : AF_INET6;
  const auto source = read_address(words[2], words[4], family);
  const auto destination = read_address(words[3], words[5], family);
  if (!source || !destination || !is_unicast(*source) || !is_unicast(*destination)) return false;
  header.has_addresses = true;
  header.source = *source;
  header.destination = *destination;
  return true;
}

Inspection read_v1(std::string_view bytes, ProxyHeader& header) {
  if (bytes.size() < kSignatureV1.size()) return Inspection::kMore;
  header.version = ProxyHeader::Version::kV1;
  const size_t end = bytes.substr(0, kMaxV1).find("\r\n");
  if (end == std::string_view::npos) return bytes.size() < kMaxV1 ? Inspection::kMore : Inspection::kNotFound;
  header.length = end + 2;
  return read_v1_line(bytes.substr(0, end), header) ? Inspection::kFound : Inspection::kNotFound;
}

bool read_tlvs(std::string_view bytes, ProxyHeader& header) {
  ByteReader reader(bytes);
  while (!reader.at_end()) {
    const auto type = static_cast<uint8_t>(reader.number(1));
    const auto value = reader.piece(2);
    if (!reader.ok()) return false;
    header.tlvs.emplace_back(type, value);
  }
  return true;
}

template <typename Sockaddr>
Address from_struct(const Sockaddr& address) {
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

Address read_v4(std::string_view host, std::string_view port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  std::memcpy(&address.sin_addr, host.data(), host.size());
  std::memcpy(&address.sin_port, port.data(), port.size());
  return from_struct(address);
}

Address read_v6(std::string_view host, std::string_view port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  std::memcpy(&address.sin6_addr, host.data(), host.size());
  std::memcpy(&address.sin6_port, port.data(), port.size());
  return from_struct(address);
}

/// The addresses and, behind them, the TLVs.
bool read_v2_payload(bool v6, std::string_view payload, ProxyHeader& header) {
  const size_t width = v6 ? 16 : 4;
  const size_t addresses = 2 * width + 4;
  if (payload.size() < addresses) return false;
  const auto read = v6 ? read_v6 : read_v4;
  header.source = read(payload.substr(0, width), payload.substr(2 * width, 2));
  header.destination = read(payload.substr(width, width), payload.substr(2 * width + 2, 2));
  header.has_addresses = true;
  return is_unicast(header.source) && is_unicast(header.destination) &&
         read_tlvs(payload.substr(addresses), header);
}

Inspection read_v2(std::string_view bytes, ProxyHeader& header) {
  if (bytes.size() >= kSignatureV2.size()) header.version = ProxyHeader::Version::kV2;
  if (bytes.size() < kHeaderV2) return Inspection::kMore;
  ByteReader reader(bytes.substr(kSignatureV2.size()));
  const auto version_and_command = reader.number(1);
  const auto family_and_transport = reader.number(1);
  const auto length = reader.number(2);
  const auto command = version_and_command & 0xf;
  const auto family = family_and_transport >> 4;
  const auto transport = family_and_transport & 0xf;
  if (version_and_command >> 4 != 2 || command > 1) return Inspection::kNotFound;
  const bool local = command == 0;
  // As Envoy: what is proxied must be IP; unspecified and Unix addresses are refused.
  if (!local && (family < 1 || family > 2 || transport < 1 || transport > 2)) return Inspection::kNotFound;
  header.length = kHeaderV2 + length;
  if (header.length > kMaxProxyHeader) return Inspection::kTooLarge;
  if (bytes.size() < header.length) return Inspection::kMore;
  if (local) return Inspection::kFound;
  return read_v2_payload(family == 2, bytes.substr(kHeaderV2, length), header) ? Inspection::kFound
                                                                               : Inspection::kNotFound;
}

}  // namespace

Inspection inspect_proxy_header(std::string_view bytes, ProxyHeader& header) {
  if (bytes.empty()) return Inspection::kMore;
  if (begins(bytes, kSignatureV1)) return read_v1(bytes, header);
  if (begins(bytes, kSignatureV2)) return read_v2(bytes, header);
  return Inspection::kNotFound;
}

}  // namespace remora

#include "istio/model/address_range.h"

#include "istio/text/scalar.h"

namespace remora::istio {
namespace {

constexpr uint32_t kIpv4Bits = 32;
constexpr uint32_t kIpv6Bits = 128;

uint32_t all_bits(const std::string& address) { return is_ipv6(address) ? kIpv6Bits : kIpv4Bits; }

}  // namespace

bool is_ipv6(const std::string& address) { return address.find(':') != std::string::npos; }

bool AddressRange::is_single() const { return bits == all_bits(address); }

std::optional<AddressRange> parse_address_range(const std::string& text) {
  const size_t slash = text.find('/');
  AddressRange range{text.substr(0, slash), 0};
  if (!is_ip_address(range.address)) return std::nullopt;
  range.bits = all_bits(range.address);
  if (slash == std::string::npos) return range;
  const auto bits = parse_integer(text.substr(slash + 1));
  if (!bits || *bits < 0 || *bits > range.bits) return std::nullopt;
  range.bits = static_cast<uint32_t>(*bits);
  return range;
}

}  // namespace remora::istio

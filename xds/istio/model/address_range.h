#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace remora::istio {

/// An address, or a range of them: "10.0.0.0/8". An address alone has all of its bits.
struct AddressRange {
  std::string address;
  uint32_t bits = 0;

  bool is_single() const;
};

bool is_ipv6(const std::string& address);

/// Empty where `text` is neither an IP address nor one with a number of bits that it has.
std::optional<AddressRange> parse_address_range(const std::string& text);

}  // namespace remora::istio

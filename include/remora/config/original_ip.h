#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "remora/core/address.h"

namespace remora {

/// One way to learn whom a request comes from, instead of use_remote_address and its kin. Source:
/// envoy.extensions.http.original_ip_detection.xff.v3.XffConfig and custom_header.v3.CustomHeaderConfig.
struct OriginalIpDetection {
  std::string header;  // lower-case, its value is an address and nothing else; "": x-forwarded-for
  // Of a custom header.
  bool trusted = false;        // its address may make a request an internal one
  uint16_t reject_status = 0;  // the answer where it holds no address; 0: the next way is tried
  // Of x-forwarded-for.
  uint32_t trusted_hops = 0;              // so many addresses at its end are skipped
  std::vector<CidrRange> trusted_ranges;  // not empty: those in these are skipped instead
  bool append = false;                    // the peer's address is added
  bool operator==(const OriginalIpDetection&) const = default;
};

}  // namespace remora

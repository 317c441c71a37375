#pragma once

#include <string>
#include <vector>

#include "capture/rules.h"

namespace remora::capture {

/// "inet istio-proxy-nat"
struct NftTable {
  std::string family;
  std::string name;
};

/// Of the output of `nft list tables`, the tables that are ours or Istio's.
std::vector<NftTable> parse_nft_tables(std::string_view text);

/// Input for `nft -f -` that leaves exactly these rules, and of the tables in `saved` nothing: one
/// transaction. Empty where there is nothing to do.
std::string nft_text(const Rules& rules, bool ipv6, const std::vector<NftTable>& saved);

}  // namespace remora::capture

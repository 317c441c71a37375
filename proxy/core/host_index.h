#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/ascii.h"
#include "core/byte_trie.h"
#include "remora/config/route.h"
#include "remora/core/result.h"

namespace remora {

/// Virtual hosts by authority, in Envoy's order: the exact domain, the longest suffix wildcard ("*.foo.com",
/// "*-bar.foo.com"), the longest prefix wildcard ("foo.*"), "*". A wildcard stands for at least one
/// character. Domains and authorities are compared without regard to case, ports included. Immutable, any
/// thread.
class HostIndex {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  /// Errors: a domain that occurs twice, is empty, or has a '*' anywhere but at one end.
  static Result<HostIndex> build(const RouteConfig& config);

  /// The number of the virtual host for an authority (nullopt: the request has none); kNone if there is none.
  [[nodiscard]] uint32_t find(std::optional<std::string_view> authority) const {
    return look_up(authority).host;
  }
  /// The domain by which `find` finds it, as configured but in lower case; "" if there is none.
  [[nodiscard]] std::string domain_of(std::optional<std::string_view> authority) const;

 private:
  HostIndex() = default;

  enum class By : uint8_t { kExact, kSuffix, kPrefix, kAny };
  struct Found {
    uint32_t host = kNone;
    By by = By::kAny;
    size_t length = 0;  ///< how much of the authority the domain spells out
  };
  [[nodiscard]] Found look_up(std::optional<std::string_view> authority) const;
  [[nodiscard]] bool only_default() const { return exact_.empty() && suffixes_.empty() && prefixes_.empty(); }

  absl::flat_hash_map<std::string, uint32_t, FoldedHash, FoldedEqual> exact_;
  ByteTrie suffixes_;  // reversed, without the '*'
  ByteTrie prefixes_;
  uint32_t default_ = kNone;
  bool ignore_port_ = false;
};

}  // namespace remora

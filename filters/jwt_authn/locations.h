#pragma once

#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "remora/http/header_map.h"

namespace remora::filters {

/// A place of a request where tokens are looked for, and whose tokens may stand there.
struct JwtLocation {
  enum class Kind : uint8_t { kHeader, kParameter, kCookie };
  Kind kind = Kind::kHeader;
  std::string name;    ///< of a header: lower-case
  std::string prefix;  ///< of a header's value: what stands before the token
  bool any_issuer = false;
  std::vector<std::string> issuers;  ///< else these

  [[nodiscard]] bool allows(std::string_view issuer) const;
  /// Takes the token out of the request. Cookies are left alone, as in Envoy.
  void remove_from(HeaderMap& head) const;
};

struct FoundToken {
  std::string_view token;  ///< held by the head or, of a parameter, by its arena
  const JwtLocation* location = nullptr;
};

/// Few requests bring more than these many: finding them costs no allocation.
using FoundTokens = absl::InlinedVector<FoundToken, 4>;

/// Where a requirement looks: the locations of one provider or of several, each once.
class JwtLocations {
 public:
  /// As one provider has them. Both empty: `Authorization: Bearer` and the parameter access_token.
  void add(const std::vector<JwtLocation>& of_provider, const std::string& issuer);

  /// Every token that is there: headers first, then parameters, then cookies. `head` lends its arena.
  void find(HeaderMap& head, FoundTokens& out) const;

 private:
  std::vector<JwtLocation> locations_;  // in the order of their kinds, then of their names
};

}  // namespace remora::filters

#pragma once

#include <string>
#include <string_view>

#include "remora/core/result.h"

namespace remora::istio {

/// Who a workload is: `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`, the form that Istio
/// gives to SPIFFE's names. (https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md)
struct SpiffeId {
  std::string trust_domain;
  std::string ns;
  std::string service_account;

  std::string uri() const;
  bool operator==(const SpiffeId&) const = default;
};

/// The trust domain of a mesh that does not choose one.
inline constexpr const char* kDefaultTrustDomain = "cluster.local";
/// The service account of a workload that does not name one.
inline constexpr const char* kDefaultServiceAccount = "default";

/// An error for every URI that is not exactly of this form.
Result<SpiffeId> parse_spiffe_id(std::string_view uri);

/// An identity of these parts; an error names the part that SPIFFE does not allow.
Result<SpiffeId> make_spiffe_id(std::string trust_domain, std::string ns, std::string service_account);

/// Lower-case letters, digits, dots, dashes and underscores; at most 255 of them.
bool is_trust_domain(std::string_view text);

}  // namespace remora::istio

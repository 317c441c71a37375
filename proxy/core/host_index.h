#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/domain_map.h"
#include "remora/config/route.h"
#include "remora/core/result.h"

namespace remora {

/// Virtual hosts by authority, in Envoy's order: the exact domain, the longest suffix wildcard ("*.foo.com",
/// "*-bar.foo.com"), the longest prefix wildcard ("foo.*"), "*". A wildcard stands for at least one
/// character. Domains and authorities are compared without regard to case, ports included. Holds pointers to
/// the virtual hosts, which outlive it. Immutable, any thread.
class HostIndex {
 public:
  using Hosts = std::vector<const VirtualHost*>;

  explicit HostIndex(bool ignore_port = false) : ignore_port_(ignore_port) {}
  HostIndex(HostIndex&&) noexcept = default;
  HostIndex& operator=(HostIndex&&) noexcept = default;
  HostIndex(const HostIndex&) = default;
  HostIndex& operator=(const HostIndex&) = default;
  ~HostIndex() = default;

  /// Errors: a domain that occurs twice, is empty, or has a '*' anywhere but at one end.
  static Result<HostIndex> build(const RouteConfig& config);

  /// The same without `gone` and with `fresh`; shares what it can with this one. Errors as above.
  [[nodiscard]] Result<HostIndex> changed(const Hosts& gone, const Hosts& fresh) const;

  /// Whether changes have made it slower than building it anew would.
  [[nodiscard]] bool is_crowded() const { return exact_.is_crowded(); }

  /// The virtual host for an authority (nullopt: the request has none); null if there is none.
  [[nodiscard]] const VirtualHost* find(std::optional<std::string_view> authority) const {
    return look_up(authority).host;
  }
  /// The domain by which `find` finds it, as configured but in lower case; "" if there is none.
  [[nodiscard]] std::string domain_of(std::optional<std::string_view> authority) const;

 private:
  enum class By : uint8_t { kExact, kSuffix, kPrefix, kAny };
  struct Found {
    const VirtualHost* host = nullptr;
    By by = By::kAny;
    size_t length = 0;  ///< how much of the authority the domain spells out
  };
  [[nodiscard]] Found look_up(std::optional<std::string_view> authority) const;
  [[nodiscard]] bool only_default() const { return exact_.empty() && wildcards_ == nullptr; }

  struct Wildcards;
  class Editor;

  DomainMap exact_;
  std::shared_ptr<const Wildcards> wildcards_;  // null: none but "*"
  const VirtualHost* default_ = nullptr;
  bool ignore_port_ = false;
};

}  // namespace remora

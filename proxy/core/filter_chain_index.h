#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "remora/config/filter_chain.h"
#include "remora/core/address.h"
#include "remora/core/result.h"

namespace remora {

/// What the choice of a filter chain looks at. Borrowed for one call.
struct ChainFacts {
  const Address& local;          ///< where the client wanted to go
  const Address& direct_remote;  ///< the socket's peer
  const Address& remote;         ///< who it speaks for; the same without PROXY protocol
  std::string_view server_name;  ///< lower-case; "": none is known
  std::string_view transport_protocol;
  std::span<const std::string> application_protocols;  ///< in the client's order
};

/// Finds a connection's filter chain in Envoy's order: destination port, destination address, server name,
/// transport protocol, application protocols, direct source address, source type, source address, source
/// port. At each step the most specific entry decides and is never taken back: if nothing below it fits, no
/// chain does. A look-up costs hashes and walks over address bits, whatever the number of chains. Immutable,
/// any thread.
class FilterChainIndex {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  /// Error: two chains would match the same connection at the same step; names both.
  static Result<FilterChainIndex> build(std::span<const FilterChain> chains);

  FilterChainIndex(FilterChainIndex&&) noexcept;
  FilterChainIndex& operator=(FilterChainIndex&&) noexcept;
  ~FilterChainIndex();

  /// The number of the chain, or kNone.
  [[nodiscard]] uint32_t find(const ChainFacts& facts) const;

 private:
  struct Levels;
  FilterChainIndex();

  std::unique_ptr<Levels> levels_;
  uint32_t only_ = kNone;  // the one chain, if it matches everything
};

}  // namespace remora

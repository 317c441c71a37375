#pragma once

#include <cstddef>
#include <memory>

namespace remora {

class Transport;

/// What every connection of a listener's filter chain shares: certificates, rules, ticket keys. Immutable;
/// any thread.
class ServerTls : public std::enable_shared_from_this<ServerTls> {
 public:
  virtual ~ServerTls() = default;
  /// For one accepted connection, for Connection::adopt(). `shard`: the worker's, for statistics. The context
  /// lives as long as its connections. Null only when memory is out.
  [[nodiscard]] virtual std::unique_ptr<Transport> accept(size_t shard) const = 0;
};

}  // namespace remora

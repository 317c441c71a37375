#pragma once

#include <cstddef>
#include <string_view>

#include "listener/accepted_socket.h"
#include "listener/chain_runtime.h"

namespace remora {

/// One connection's walk through its listener's filters, without the socket: is shown the bytes that have
/// come so far and writes what it finds into the AcceptedSocket. All is borrowed.
class ListenerFilterRun {
 public:
  enum class Step : uint8_t {
    kMore,     ///< show more bytes
    kConsume,  ///< take consumed() bytes off the socket, then show what follows
    kDone,     ///< no filter is left
    kRefuse,   ///< close the connection
  };

  ListenerFilterRun(const ListenerConfig& config, const ListenerFilterStats& stats, size_t shard,
                    AcceptedSocket& socket)
      : config_(config),
        stats_(stats),
        shard_(shard),
        socket_(socket) {}

  /// `bytes`: everything that has come and is not consumed; may be empty.
  Step advance(std::string_view bytes);
  [[nodiscard]] size_t consumed() const { return consumed_; }

 private:
  Step run(const ListenerFilter& filter, std::string_view bytes);
  Step inspect_tls(std::string_view bytes);
  Step inspect_http(std::string_view bytes);
  Step read_proxy_header(const ListenerFilter& filter, std::string_view bytes);
  Step refuse_proxy_header(size_t stat);
  void restore_destination();
  [[nodiscard]] bool is_own_address(const Address& address) const;
  void keep_source(const ListenerFilter& filter);
  [[nodiscard]] bool disabled(const ListenerFilter& filter) const;

  const ListenerConfig& config_;
  const ListenerFilterStats& stats_;
  size_t shard_;
  AcceptedSocket& socket_;
  size_t next_ = 0;  // filter
  size_t consumed_ = 0;
};

}  // namespace remora

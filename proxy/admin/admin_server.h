#pragma once

#include <memory>
#include <vector>

#include "remora/core/address.h"
#include "remora/core/result.h"

namespace boost::asio {
class io_context;
}

namespace remora::admin {
class Application;
}

namespace remora {

class AdminView;
class ConfigSource;
class StatsStore;

/// What the admin interface answers from. Everything is borrowed and outlives the AdminServer.
struct AdminSources {
  StatsStore& stats;
  AdminView& view;
  ConfigSource& config;
  std::vector<double> prometheus_buckets;     ///< Bootstrap::prometheus_buckets; empty: Envoy's defaults
  admin::Application* application = nullptr;  ///< whom probes and scrapes are about; set by the AdminServer
};

/// Envoy's admin interface: a small HTTP/1.1 server on the main thread's io_context, on the one address it is
/// given. At most 16 connections at a time; heads over 16 KiB, bodies over 64 KiB and peers that stall for 30
/// s are cut off. It has no access control, as Envoy's has none: bind it to an address that only operators
/// reach. Construction, start() and stop() on the thread that runs `io`. Source: Envoy, administration
/// interface.
class AdminServer {
 public:
  AdminServer(boost::asio::io_context& io, AdminSources sources, Address address);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  /// Binds, listens and accepts. Returns the bound address (port 0 has become a real one).
  Result<Address> start();
  /// Stops accepting and closes every connection. Their coroutines end in the next turns of `io`, without
  /// touching the sources again.
  void stop();

  struct State;  // private to admin_server.cc

 private:
  std::shared_ptr<State> state_;
};

}  // namespace remora

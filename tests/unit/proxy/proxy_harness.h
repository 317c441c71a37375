#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "access_log_writer.h"
#include "listener/listener_manager.h"
#include "remora/core/stats.h"
#include "upstream/cluster_manager.h"
#include "worker.h"

namespace remora {

/// One worker with a listener and a cluster, turned by the test's own thread: a whole request through the
/// real data plane without threads, with a client and a backend that are plain sockets of the test.
class ProxyHarness {
 public:
  ProxyHarness()
      : stats_(2),
        clusters_(io_, stats_, [](const std::string&, std::shared_ptr<const HostSet>) {}),
        listeners_(stats_, logs_, 1),
        worker_(1, logs_) {
    backend_listener_ = socket(AF_INET, SOCK_STREAM, 0);
    const auto backend = bind_loopback(backend_listener_);
    listen(backend_listener_, 16);
    configure(backend);
  }
  ~ProxyHarness() {
    for (const int fd : {backend_listener_, backend_, client_}) {
      if (fd >= 0) close(fd);
    }
    pump();
  }

  /// Connects a client and lets the proxy accept it.
  void connect_client() {
    client_ = socket(AF_INET, SOCK_STREAM, 0);
    const auto& address = listeners_.listeners().front()->addresses.front();
    ASSERT_EQ(connect(client_, address.sockaddr_ptr(), address.length()), 0);
    pump();
  }

  /// Sends `request`, lets the backend answer `response` once it has received something, returns what the
  /// client got. Views into the harness' own buffers, valid until the next call: the harness allocates
  /// nothing either.
  std::string_view exchange(std::string_view request, std::string_view response) {
    send(client_, request.data(), request.size(), MSG_NOSIGNAL);
    pump();
    if (backend_ < 0) {
      backend_ = accept(backend_listener_, nullptr, nullptr);
      pump();
    }
    seen_by_backend = receive(backend_, from_client_);
    send(backend_, response.data(), response.size(), MSG_NOSIGNAL);
    pump();
    return receive(client_, from_backend_);
  }

  /// Turns the worker until nothing happens any more.
  void pump() {
    for (int i = 0; i < 4; ++i) worker_.reactor().turn(1);
  }

  std::string_view seen_by_backend;

 private:
  static Address bind_loopback(int fd) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    socklen_t length = sizeof(address);
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    return Address::from_sockaddr(reinterpret_cast<sockaddr*>(&address), length);
  }

  static std::string_view receive(int fd, std::array<char, 16 * 1024>& buffer) {
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    return {buffer.data(), got > 0 ? static_cast<size_t>(got) : 0};
  }

  void configure(const Address& backend) {
    ConfigBatch batch;
    auto cluster = std::make_shared<ClusterConfig>();
    cluster->name = "backend";
    cluster->metadata = std::make_shared<Metadata>();
    auto endpoints = std::make_shared<EndpointSet>();
    endpoints->cluster_name = "backend";
    Endpoint endpoint;
    endpoint.address = backend;
    endpoint.address_text = backend.to_string();
    endpoint.metadata = std::make_shared<Metadata>();
    endpoints->endpoints.push_back(std::make_shared<const Endpoint>(endpoint));
    batch.clusters.push_back({cluster, endpoints});

    RouteConfig routes;
    routes.name = "routes";
    routes.virtual_hosts.push_back({.name = "all", .domains = {"*"}});
    Route route;
    route.match.path.value = "/";
    route.forward.cluster = "backend";
    HeaderMutation mutation;
    mutation.name = "x-added";
    mutation.value = Format::literal("yes");
    route.request_headers.add.push_back(mutation);
    routes.virtual_hosts[0].routes.push_back(route);
    auto http = std::make_shared<HttpConnectionManagerConfig>();
    http->stat_prefix = "test";
    http->use_remote_address = true;
    http->routes = *RouteTable::compile(std::move(routes));
    auto listener = std::make_shared<ListenerConfig>();
    listener->name = "listener";
    listener->address = *Address::ip("127.0.0.1", 0);
    listener->filter_chains.emplace_back().http = http;

    std::vector<WorkerBatch> batches(1);
    clusters_.apply(batch, batches[0]);
    const auto added = listeners_.add(listener, batches);
    EXPECT_TRUE(added) << added.error().message;
    worker_.apply(std::move(batches[0]));
  }

  boost::asio::io_context io_;
  StatsStore stats_;
  AccessLogWriter logs_;
  ClusterManager clusters_;
  ListenerManager listeners_;
  Worker worker_;
  int backend_listener_ = -1;
  int backend_ = -1;
  int client_ = -1;
  std::array<char, 16 * 1024> from_client_{};
  std::array<char, 16 * 1024> from_backend_{};
};

}  // namespace remora

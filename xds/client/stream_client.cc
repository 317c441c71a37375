#include "client/stream_client.h"

#include "client/delta_protocol.h"
#include "client/discovery_stream.h"
#include "client/sotw_protocol.h"

namespace remora::xds {
namespace {

template <typename Protocol>
class Client final : public StreamClient {
 public:
  Client(StreamOptions options, ResourceReceiver& receiver, std::mutex& mutex)
      : options_(std::move(options)),
        protocol_(options_.identity, receiver),
        stream_(options_.target, options_.method, protocol_, mutex) {}

  void follow_all(ResourceType type) override {
    protocol_.follow_all(type);
    wake();
  }
  void follow(ResourceType type, const std::string& name) override {
    protocol_.follow(type, name);
    wake();
  }
  void unfollow(ResourceType type, const std::string& name) override {
    protocol_.unfollow(type, name);
    wake();
  }
  void start() override { stream_.start(); }
  void retire() override { stream_.retire(); }
  [[nodiscard]] bool has_ended() const override { return stream_.has_ended(); }
  void stop() override { stream_.stop(); }
  void wake() override { stream_.wake(); }

 private:
  const StreamOptions options_;
  Protocol protocol_;
  DiscoveryStream<Protocol> stream_;
};

}  // namespace

std::string aggregated_method(bool is_delta) {
  return std::string("/envoy.service.discovery.v3.AggregatedDiscoveryService/") +
         (is_delta ? "Delta" : "Stream") + "AggregatedResources";
}

std::string discovery_method(ResourceType type, bool is_delta) {
  struct Names {
    const char* package;
    const char* service;
    const char* resources;
  };
  constexpr Names kNames[] = {{"cluster", "Cluster", "Clusters"},
                              {"endpoint", "Endpoint", "Endpoints"},
                              {"listener", "Listener", "Listeners"},
                              {"route", "Route", "Routes"},
                              {"secret", "Secret", "Secrets"},
                              {"route", "VirtualHost", "VirtualHosts"},
                              {"extension", "ExtensionConfig", "ExtensionConfigs"}};
  const Names& names = kNames[index_of(type)];
  return std::string("/envoy.service.") + names.package + ".v3." + names.service + "DiscoveryService/" +
         (is_delta ? "Delta" : "Stream") + names.resources;
}

std::unique_ptr<StreamClient> make_stream_client(StreamOptions options, ResourceReceiver& receiver,
                                                 std::mutex& mutex) {
  if (options.is_delta) return std::make_unique<Client<DeltaProtocol>>(std::move(options), receiver, mutex);
  return std::make_unique<Client<SotwProtocol>>(std::move(options), receiver, mutex);
}

}  // namespace remora::xds

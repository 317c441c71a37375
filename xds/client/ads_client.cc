#include "client/ads_client.h"

#include "client/delta_protocol.h"
#include "client/discovery_stream.h"
#include "client/sotw_protocol.h"

namespace remora::xds {
namespace {

constexpr const char* kService = "/envoy.service.discovery.v3.AggregatedDiscoveryService/";

template <typename Protocol>
class Client final : public StreamClient {
 public:
  Client(const GrpcTarget& target, std::string method, StreamIdentity identity, ResourceReceiver& receiver,
         std::mutex& mutex)
      : protocol_(std::move(identity), receiver),
        stream_(target, std::move(method), protocol_, mutex) {}
  ResourceFeed& feed() override { return protocol_; }
  void start() override { stream_.start(); }
  void stop() override { stream_.stop(); }
  void wake() override { stream_.wake(); }

 private:
  Protocol protocol_;
  DiscoveryStream<Protocol> stream_;
};

}  // namespace

std::unique_ptr<StreamClient> make_ads_client(const AdsConfig& config,
                                              const envoy::config::core::v3::Node& node,
                                              ResourceReceiver& receiver, std::mutex& mutex) {
  StreamIdentity identity{{}, node, config.node_on_first_message_only};
  const std::string service = kService;
  if (config.is_delta) {
    return std::make_unique<Client<DeltaProtocol>>(config, service + "DeltaAggregatedResources",
                                                   std::move(identity), receiver, mutex);
  }
  return std::make_unique<Client<SotwProtocol>>(config, service + "StreamAggregatedResources",
                                                std::move(identity), receiver, mutex);
}

}  // namespace remora::xds

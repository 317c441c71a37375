#include "control_plane/ads_service.h"

#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <thread>

#include "control_plane/ads_stream.h"
#include "control_plane/credentials.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "envoy/service/secret/v3/sds.grpc.pb.h"

namespace remora::xds {
namespace {

using Ads = envoy::service::discovery::v3::AggregatedDiscoveryService;
using Sds = envoy::service::secret::v3::SecretDiscoveryService;
using RawReactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

RawReactor* start_stream(AdsService& owner, boost::asio::io_context& context,
                         const grpc::CallbackServerContext& call, AdsStream::Scope scope,
                         AdsProtocol protocol) {
  auto stream = std::make_shared<AdsStream>(owner, context, caller_of(call), scope, protocol);
  stream->start();
  return stream.get();
}

/// Served raw, so that resources go out as the bytes they were made into.
class Service final : public Ads::WithRawCallbackMethod_StreamAggregatedResources<
                          Ads::WithRawCallbackMethod_DeltaAggregatedResources<Ads::Service>> {
 public:
  Service(AdsService& owner, boost::asio::io_context& context) : owner_(owner), context_(context) {}

  RawReactor* StreamAggregatedResources(grpc::CallbackServerContext* call) override {
    return start_stream(owner_, context_, *call, AdsStream::Scope::kEverything,
                        AdsProtocol::kStateOfTheWorld);
  }
  RawReactor* DeltaAggregatedResources(grpc::CallbackServerContext* call) override {
    return start_stream(owner_, context_, *call, AdsStream::Scope::kEverything, AdsProtocol::kDelta);
  }

 private:
  AdsService& owner_;
  boost::asio::io_context& context_;
};

/// Secrets by themselves, for proxies whose configuration comes from elsewhere.
class SecretService final
    : public Sds::WithRawCallbackMethod_StreamSecrets<Sds::WithRawCallbackMethod_DeltaSecrets<Sds::Service>> {
 public:
  SecretService(AdsService& owner, boost::asio::io_context& context) : owner_(owner), context_(context) {}

  RawReactor* StreamSecrets(grpc::CallbackServerContext* call) override {
    return start_stream(owner_, context_, *call, AdsStream::Scope::kSecrets, AdsProtocol::kStateOfTheWorld);
  }
  RawReactor* DeltaSecrets(grpc::CallbackServerContext* call) override {
    return start_stream(owner_, context_, *call, AdsStream::Scope::kSecrets, AdsProtocol::kDelta);
  }

 private:
  AdsService& owner_;
  boost::asio::io_context& context_;
};

/// One address to listen on, and where its port goes.
struct Port {
  std::string address;
  std::shared_ptr<grpc::ServerCredentials> credentials;
  int number = 0;
};

std::unique_ptr<grpc::Server> start_server(std::vector<Port>& ports,
                                           const std::vector<grpc::Service*>& services) {
  constexpr int kKeepaliveMs =
      30'000;  // a proxy that vanished without a word is forgotten after this and the timeout
  constexpr int kKeepaliveTimeoutMs = 10'000;
  constexpr int kMinPingIntervalMs = 5'000;
  constexpr int kMaxMessageBytes = 16 * 1024 * 1024;  // a whole flush of a large Envoy's statistics
  grpc::ServerBuilder builder;
  for (Port& port : ports) builder.AddListeningPort(port.address, port.credentials, &port.number);
  for (grpc::Service* service : services) builder.RegisterService(service);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a second control plane must fail, not share
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  return builder.BuildAndStart();
}

}  // namespace

AdsService::AdsService(boost::asio::io_context& context, Mesh& mesh, std::optional<Identities> identities)
    : context_(context),
      mesh_(mesh),
      identifier_("remora-control"),
      identities_(identities),
      service_(std::make_unique<Service>(*this, context)),
      secret_service_(std::make_unique<SecretService>(*this, context)) {}

AdsService::~AdsService() {
  if (closer_.joinable()) closer_.join();
}

Result<XdsAddresses> AdsService::listen(const XdsAddresses& addresses,
                                        std::shared_ptr<grpc::ServerCredentials> credentials) {
  std::vector<Port> ports;
  XdsAddresses used;
  std::vector<std::string*> places;
  const auto add = [&](const std::string& address, auto wanted, std::string& place) {
    if (address.empty()) return;
    ports.push_back({address, std::move(wanted)});
    places.push_back(&place);
  };
  add(addresses.plain, grpc::InsecureServerCredentials(), used.plain);
  add(addresses.tls, std::move(credentials), used.tls);
  for (const Port& port : ports) {
    if (port.address.find(':') == std::string::npos) return Error{'"' + port.address + "\" is not HOST:PORT"};
  }
  std::vector<grpc::Service*> services = more_services_;
  services.push_back(service_.get());
  services.push_back(secret_service_.get());
  server_ = start_server(ports, services);
  for (size_t i = 0; i < ports.size(); ++i) {
    const std::string& address = ports[i].address;
    if (server_ == nullptr || ports[i].number == 0) return Error{"cannot listen on " + address};
    *places[i] = address.substr(0, address.rfind(':') + 1) + std::to_string(ports[i].number);
  }
  return used;
}

Result<std::optional<istio::SpiffeId>> AdsService::identify(const Caller& caller,
                                                            const istio::ProxyNode& node) const {
  if (!identities_) return std::optional<istio::SpiffeId>();
  return identities_->authenticator.identify(caller, node);
}

std::unique_ptr<SecretFeed> AdsService::make_secrets(istio::SpiffeId id, SecretFeed::Deliver deliver) const {
  return std::make_unique<SecretFeed>(context_, identities_->authority, std::move(id), identities_->lifetime,
                                      std::move(deliver));
}

bool AdsService::routes_settled() const {
  return std::ranges::all_of(streams_, [](const auto& stream) { return stream->session().routes_settled(); });
}

bool AdsService::add(std::shared_ptr<AdsStream> stream) {
  if (closing_) return false;
  streams_.push_back(std::move(stream));
  return true;
}

void AdsService::remove(const AdsStream* stream) {
  const auto& snapshot = stream->session().snapshot();
  const bool showed_secrets = snapshot != nullptr && !snapshot->credentials.empty();
  std::erase_if(streams_, [&](const auto& known) { return known.get() == stream; });
  if (showed_secrets) follow_credentials();
}

void AdsService::push() {
  const auto streams = streams_;  // a stream may leave meanwhile
  for (const auto& stream : streams) {
    if (!stream->node() || stream->scope() == AdsStream::Scope::kSecrets) continue;
    stream->follow_mesh();
  }
}

void AdsService::push_credentials() {
  const auto streams = streams_;
  for (const auto& stream : streams) {
    if (stream->node() && stream->node()->is_gateway()) stream->renew_credentials();
  }
}

std::shared_ptr<const istio::ResourceGroup> AdsService::with_credentials(
    const std::shared_ptr<const istio::ResourceGroup>& own, const istio::ProxyNode& node,
    const istio::CredentialUses& uses) const {
  if (uses.empty() || credentials_ == nullptr || !node.identified) return own;
  auto all = std::make_shared<istio::ResourceGroup>(*own);
  credentials_->add_to(node.ns, uses, *all);
  all->seal();
  return all;
}

void AdsService::follow_credentials() {
  if (credentials_ == nullptr || closing_) return;
  Credentials::Wanted wanted;
  for (const auto& stream : streams_) {
    if (!stream->node() || !stream->node()->identified || stream->session().snapshot() == nullptr) continue;
    for (const istio::CredentialUse& use : stream->session().snapshot()->credentials) {
      const auto [place, fresh] = wanted.try_emplace({stream->node()->ns, use.name}, use);
      if (!fresh) place->second.with_ca = place->second.with_ca || use.with_ca;
    }
  }
  credentials_->follow(wanted);
}

void AdsService::shut_down(std::function<void()> done) {
  closing_ = true;
  const auto streams = streams_;
  for (const auto& stream : streams) {
    stream->close({grpc::StatusCode::UNAVAILABLE, "the control plane is shutting down"});
  }
  if (server_ == nullptr) {
    boost::asio::post(context_, std::move(done));
    return;
  }
  // Shutdown waits for the streams, which need the control thread to end.
  closer_ =
      std::thread([this, done = std::move(done), work = boost::asio::make_work_guard(context_)]() mutable {
        server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
        server_->Wait();
        boost::asio::post(context_, std::move(done));
      });
}

}  // namespace remora::xds

#pragma once

#include <boost/asio/io_context.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "control_plane/authenticator.h"
#include "control_plane/mesh.h"
#include "control_plane/secret_feed.h"
#include "remora/core/result.h"

namespace grpc {
class Server;
class ServerCredentials;
class Service;
}  // namespace grpc

namespace remora::xds {

class AdsStream;
class Credentials;

/// What was sent and refused, per type.
struct AdsCounters {
  std::array<uint64_t, istio::kXdsTypes.size()> pushes{};
  std::array<uint64_t, istio::kXdsTypes.size()> rejects{};
};

/// Who proxies are, and what makes their certificates. Both outlive the service.
struct Identities {
  const Authenticator& authenticator;
  const identity::CertificateAuthority& authority;
  std::chrono::seconds lifetime;
};

/// Where to listen: "HOST:PORT", with port 0 for a free one; empty for nowhere.
struct XdsAddresses {
  std::string plain;
  std::string tls;
};

/// The gRPC server and the streams on it. All methods on the control thread unless said otherwise.
class AdsService {
 public:
  /// Without `identities` nobody gets secrets.
  AdsService(boost::asio::io_context& context, Mesh& mesh, std::optional<Identities> identities = {});
  ~AdsService();

  /// Another service on the same server, which it outlives. Before listen().
  void also_serve(grpc::Service& service) { more_services_.push_back(&service); }

  /// Listens; `credentials` are for the TLS address. Returns the addresses in use.
  Result<XdsAddresses> listen(const XdsAddresses& addresses,
                              std::shared_ptr<grpc::ServerCredentials> credentials = nullptr);

  /// Sends every stream what changed for it.
  void push();

  /// Gateways get their certificates from here. It outlives the service.
  void use(Credentials& credentials) { credentials_ = &credentials; }
  /// Sends every gateway what changed of them.
  void push_credentials();

  /// Ends all streams and stops listening; `done` is called on the control thread.
  void shut_down(std::function<void()> done);

  const std::vector<std::shared_ptr<AdsStream>>& streams() const { return streams_; }
  /// Whether every proxy uses the newest routes and listeners.
  bool routes_settled() const;
  const AdsCounters& counters() const { return counters_; }
  const std::string& identifier() const { return identifier_; }

  // For the streams.
  bool add(std::shared_ptr<AdsStream> stream);  ///< false while shutting down
  void remove(const AdsStream* stream);
  std::shared_ptr<const istio::Snapshot> snapshot_for(const istio::ProxyNode& node, AskedNames& asked) {
    return mesh_.snapshot_for(node, asked);
  }
  /// Whether sidecars that can ask get what they ask for.
  bool waits_to_be_asked() const { return mesh_.default_scope() == DefaultScope::kAsked; }
  Result<std::optional<istio::SpiffeId>> identify(const Caller& caller, const istio::ProxyNode& node) const;
  /// Null where nothing has to be asked about the caller's token.
  kubernetes::TokenReview* reviewer_for(const Caller& caller) const {
    return identities_ ? identities_->authenticator.reviewer_for(caller) : nullptr;
  }
  std::unique_ptr<SecretFeed> make_secrets(istio::SpiffeId id, SecretFeed::Deliver deliver) const;
  /// `own`, and beside it the Secrets of `uses` that are known, for a proxy that has proved who it is.
  std::shared_ptr<const istio::ResourceGroup> with_credentials(
      const std::shared_ptr<const istio::ResourceGroup>& own, const istio::ProxyNode& node,
      const istio::CredentialUses& uses) const;
  /// Some gateway shows other Secrets than before.
  void follow_credentials();
  void count_push(istio::XdsType type) { ++counters_.pushes[static_cast<size_t>(type)]; }
  void count_reject(istio::XdsType type) { ++counters_.rejects[static_cast<size_t>(type)]; }

 private:
  boost::asio::io_context& context_;
  Mesh& mesh_;
  std::string identifier_;
  std::optional<Identities> identities_;
  std::unique_ptr<grpc::Service> service_;
  std::unique_ptr<grpc::Service> secret_service_;
  std::vector<grpc::Service*> more_services_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::shared_ptr<AdsStream>> streams_;
  Credentials* credentials_ = nullptr;
  AdsCounters counters_;
  bool closing_ = false;
  std::thread closer_;  ///< waits for gRPC's end; joined, since it touches the context to its last moment
};

}  // namespace remora::xds

#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <optional>
#include <string>

#include "control_plane/ads_messages.h"
#include "control_plane/ads_session.h"
#include "control_plane/asked_names.h"
#include "control_plane/caller.h"
#include "control_plane/secret_feed.h"
#include "istio/build/proxy_node.h"

namespace remora::xds {

class AdsService;

/// One proxy's stream: gRPC's side of an AdsSession. gRPC calls it on its own threads; it does all its work
/// on the control thread, and has at most one message being read and one being written, so a slow proxy costs
/// one message. It lives until gRPC is done with it and the control thread has forgotten it.
class AdsStream : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                  public std::enable_shared_from_this<AdsStream> {
 public:
  /// What the call is for: everything a proxy needs, or its secrets only.
  enum class Scope { kEverything, kSecrets };

  AdsStream(AdsService& service, boost::asio::io_context& context, Caller caller, Scope scope,
            AdsProtocol protocol);

  /// Registers with the service and reads the first request. Any thread; after the stream is held by a
  /// shared_ptr.
  void start();

  // The control thread's side.
  /// Sends what changed of the mesh for this proxy.
  void follow_mesh();
  /// Sends what changed of the Secrets that the proxy's listeners show.
  void renew_credentials();
  void close(const grpc::Status& status);
  const std::optional<istio::ProxyNode>& node() const { return node_; }
  const std::string& peer() const { return caller_.peer; }
  /// The SPIFFE ID that the proxy has proved; empty: none.
  std::string identity() const { return secrets_ == nullptr ? "" : secrets_->id().uri(); }
  Scope scope() const { return scope_; }
  const AdsSession& session() const { return session_; }

  // gRPC's side.
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  void set_snapshot(std::shared_ptr<const istio::Snapshot> snapshot);
  void take_snapshot(std::shared_ptr<const istio::Snapshot> snapshot);
  void decide_scope();
  void take(const IncomingRequest& request);
  void review_token(const IncomingRequest& first);
  void on_request(const IncomingRequest& request);
  bool identify(const IncomingRequest& request);
  bool authenticate();
  bool may_ask_for(istio::XdsType type);
  void log_outcome(const DiscoveryQuery& query, AdsSession::Outcome outcome);
  void pump();
  void wait_for_endpoints();

  AdsService& service_;
  boost::asio::io_context& context_;
  Caller caller_;
  const Scope scope_;
  std::shared_ptr<AdsStream> self_;  // what keeps it alive while gRPC knows it

  RequestReader reader_;  // gRPC's side only
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
  AdsSession session_;
  std::optional<istio::ProxyNode> node_;
  AskedNames asked_;                                         ///< of a proxy that asks
  std::shared_ptr<void> review_;                             // of its token, under way
  std::unique_ptr<SecretFeed> secrets_;                      // of a proxy that has proved who it is
  std::shared_ptr<const istio::ResourceGroup> own_secrets_;  // what it has made last
  boost::asio::steady_timer patience_;
  bool patience_running_ = false;
  std::chrono::steady_clock::time_point last_progress_;  ///< it has been given, or has answered, something
  bool writing_ = false;
  bool closed_ = false;
};

}  // namespace remora::xds

#include "control_plane/ads_stream.h"

#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>

#include "control_plane/ads_messages.h"
#include "control_plane/ads_service.h"
#include "envoy/service/discovery/v3/discovery.pb.h"

namespace remora::xds {
namespace {

/// How long routes wait for the proxy to ask for the endpoints of its clusters, once it has all of these.
constexpr std::chrono::seconds kPatience{2};

}  // namespace

AdsStream::AdsStream(AdsService& service, boost::asio::io_context& context, Caller caller, Scope scope,
                     AdsProtocol protocol)
    : service_(service),
      context_(context),
      caller_(std::move(caller)),
      scope_(scope),
      reader_(protocol),
      session_(protocol),
      patience_(context) {}

void AdsStream::start() {
  self_ = shared_from_this();
  boost::asio::post(context_, [self = self_] {
    if (!self->service_.add(self)) {
      self->close({grpc::StatusCode::UNAVAILABLE, "the control plane is shutting down"});
      return;
    }
    self->StartRead(&self->incoming_);
  });
}

void AdsStream::OnReadDone(bool ok) {
  if (!ok) {  // the proxy has ended the stream
    boost::asio::post(context_, [self = shared_from_this()] { self->close(grpc::Status::OK); });
    return;
  }
  auto request = reader_.read(incoming_);
  boost::asio::post(context_, [self = shared_from_this(), request = std::move(request)] {
    if (self->closed_) return;
    if (!request.ok()) {
      self->close({grpc::StatusCode::INVALID_ARGUMENT, request.error().message});
      return;
    }
    self->take(*request);
  });
}

/// Nothing is answered, and nothing more read, before it is known whom the proxy's token stands for.
void AdsStream::take(const IncomingRequest& request) {
  if (!node_ && service_.reviewer_for(caller_) != nullptr) return review_token(request);
  on_request(request);
  if (!closed_) StartRead(&incoming_);
}

void AdsStream::review_token(const IncomingRequest& first) {
  auto* reviewer = service_.reviewer_for(caller_);
  review_ = reviewer->review(caller_.bearer_token, [this, self = weak_from_this(),
                                                    first](const Result<kubernetes::TokenOwner>& owner) {
    const auto alive = self.lock();
    if (alive == nullptr || closed_) return;
    if (!owner.ok()) {
      spdlog::warn("ads: {} ({}) is refused: {}", first.node->id(), caller_.peer, owner.error().message);
      close({grpc::StatusCode::UNAUTHENTICATED, owner.error().message});
      return;
    }
    caller_.token_owner = *owner;
    on_request(first);
    if (!closed_) StartRead(&incoming_);
  });
}

void AdsStream::OnWriteDone(bool ok) {
  boost::asio::post(context_, [self = shared_from_this(), ok] {
    self->writing_ = false;
    self->outgoing_.Clear();
    if (self->closed_) return;
    if (ok) {
      self->pump();
    } else {
      self->close({grpc::StatusCode::UNAVAILABLE, "the stream broke"});
    }
  });
}

void AdsStream::OnCancel() {
  boost::asio::post(context_, [self = shared_from_this()] { self->close(grpc::Status::CANCELLED); });
}

void AdsStream::OnDone() {
  // The last reference must go on the control thread, where the timer is at home.
  boost::asio::post(context_, [self = std::move(self_)] {});
}

void AdsStream::close(const grpc::Status& status) {
  if (closed_) return;
  closed_ = true;
  patience_.cancel();
  review_.reset();
  secrets_.reset();
  service_.remove(this);
  if (node_)
    spdlog::info("ads: {} ({}) disconnected: {}", node_->id, caller_.peer,
                 status.ok() ? "end of stream" : status.error_message());
  Finish(status);
}

bool AdsStream::identify(const IncomingRequest& request) {
  auto node = istio::parse_proxy_node(*request.node);
  if (!node.ok()) {
    spdlog::warn("ads: {}: {}", caller_.peer, node.error().message);
    close({grpc::StatusCode::INVALID_ARGUMENT, node.error().message});
    return false;
  }
  node_ = std::move(*node);
  node_->vhds = node_->vhds && session_.protocol() == AdsProtocol::kDelta;
  decide_scope();
  if (!authenticate()) return false;
  spdlog::info("ads: {} ({}) connected{}", node_->id, caller_.peer,
               secrets_ == nullptr ? "" : " as " + secrets_->id().uri());
  set_snapshot(scope_ == Scope::kSecrets ? std::make_shared<const istio::Snapshot>()
                                         : service_.snapshot_for(*node_, asked_));
  return true;
}

/// It asks if it has the means to, and is told to by us. A stock Envoy has the filter, but is known not to
/// ask again for what it had when its stream has broken.
void AdsStream::decide_scope() {
  const bool is_sidecar = scope_ == Scope::kEverything && !node_->is_gateway() && !node_->grpc;
  if (!service_.waits_to_be_asked() || !is_sidecar) return;
  node_->on_demand = node_->vhds && !node_->plain_envoy;
  if (node_->on_demand) return;
  spdlog::info("ads: {} ({}) gets the whole mesh: it cannot ask for what it calls ({})", node_->id,
               caller_.peer,
               session_.protocol() != AdsProtocol::kDelta ? "it does not speak delta xDS"
               : node_->plain_envoy                       ? "it is a stock Envoy"
                                                          : "its metadata have no REMORA_VHDS");
}

void AdsStream::follow_mesh() { set_snapshot(service_.snapshot_for(*node_, asked_)); }

/// From here on the proxy's configuration and its secrets are those of the identity that it has proved.
bool AdsStream::authenticate() {
  auto id = service_.identify(caller_, *node_);
  if (!id.ok()) {
    spdlog::warn("ads: {} ({}) is refused: {}", node_->id, caller_.peer, id.error().message);
    node_.reset();
    close({grpc::StatusCode::PERMISSION_DENIED, id.error().message});
    return false;
  }
  if (!*id) return true;
  node_->identified = !node_->grpc;  // which cannot use what we issue
  secrets_ =
      service_.make_secrets(std::move(**id), [this](std::shared_ptr<const istio::ResourceGroup> secrets) {
        own_secrets_ = std::move(secrets);
        renew_credentials();
      });
  return true;
}

void AdsStream::renew_credentials() {
  if (own_secrets_ == nullptr || closed_) return;
  session_.set_secrets(service_.with_credentials(own_secrets_, *node_, session_.snapshot()->credentials));
  pump();
}

bool AdsStream::may_ask_for(istio::XdsType type) {
  if (type != istio::XdsType::kSecret) return scope_ == Scope::kEverything;
  if (secrets_ != nullptr) return true;
  spdlog::warn("ads: {} ({}) asks for secrets, but has not proved who it is", node_->id, caller_.peer);
  return scope_ == Scope::kEverything;  // the rest of the stream can go on without them
}

void AdsStream::on_request(const IncomingRequest& request) {
  if (!node_ && !identify(request)) return;
  const auto& query = request.query;
  if (!query) {
    spdlog::warn("ads: {} asks for {}, which is not served", node_->id, request.type_url);
    return;
  }
  if (!may_ask_for(query->type)) {
    close({grpc::StatusCode::PERMISSION_DENIED, query->type == istio::XdsType::kSecret
                                                    ? "secrets are for proxies that have proved who they are"
                                                    : "this service has secrets only"});
    return;
  }
  if (query->type == istio::XdsType::kSecret && secrets_ != nullptr) secrets_->start();
  // Before the session looks for what it names; what is due is sent once it has.
  if (node_->on_demand && asked_.take(*query)) take_snapshot(service_.snapshot_for(*node_, asked_));
  const auto outcome = session_.on_request(*query);
  if (outcome == AdsSession::Outcome::kTooMuch) {
    spdlog::warn("ads: {} ({}) follows more than {} names of {}", node_->id, caller_.peer,
                 AdsChannel::kMaxNames, istio::short_name(query->type));
    close({grpc::StatusCode::RESOURCE_EXHAUSTED,
           "more than " + std::to_string(AdsChannel::kMaxNames) + " names of " + request.type_url});
    return;
  }
  log_outcome(*query, outcome);
  if (outcome == AdsSession::Outcome::kAck || outcome == AdsSession::Outcome::kNack)
    last_progress_ = std::chrono::steady_clock::now();
  pump();
}

void AdsStream::log_outcome(const DiscoveryQuery& query, AdsSession::Outcome outcome) {
  const auto name = istio::short_name(query.type);
  if (outcome == AdsSession::Outcome::kNack) {
    service_.count_reject(query.type);
    spdlog::warn("ads: {} rejects {} {}: {}", node_->id, name, session_.sync_state(query.type).nacked,
                 *query.error);
  } else {
    static constexpr std::array<const char*, 3> kWords{"subscribes to", "repeats an old answer to",
                                                       "accepts"};
    spdlog::debug("ads: {} {} {} ({} names, nonce \"{}\")", node_->id, kWords[static_cast<size_t>(outcome)],
                  name, query.names == nullptr ? 0 : query.names->size(), query.nonce);
  }
}

void AdsStream::set_snapshot(std::shared_ptr<const istio::Snapshot> snapshot) {
  take_snapshot(std::move(snapshot));
  pump();
}

void AdsStream::take_snapshot(std::shared_ptr<const istio::Snapshot> snapshot) {
  const bool known = session_.snapshot() != nullptr && session_.snapshot()->notes == snapshot->notes;
  for (const istio::Diagnostic& note : snapshot->notes) {
    if (!known) spdlog::warn("config: {}", istio::to_string(note));
  }
  const bool same_credentials = session_.snapshot() == nullptr
                                    ? snapshot->credentials.empty()
                                    : session_.snapshot()->credentials == snapshot->credentials;
  session_.set_snapshot(std::move(snapshot));
  last_progress_ = std::chrono::steady_clock::now();
  if (same_credentials) return;
  service_.follow_credentials();
  renew_credentials();
}

void AdsStream::pump() {
  if (writing_ || closed_) return;
  const auto delivery = session_.next();
  if (!delivery) {
    if (session_.holding_back()) wait_for_endpoints();
    return;
  }
  service_.count_push(delivery->type);
  spdlog::debug("ads: {} <- {} {} ({} resources, {} removed, nonce {})", node_->id,
                istio::short_name(delivery->type), delivery->version, delivery->resources.size(),
                delivery->removed.size(), delivery->nonce);
  outgoing_ = encode_response(*delivery, session_.protocol(), service_.identifier());
  writing_ = true;
  last_progress_ = std::chrono::steady_clock::now();
  StartWrite(&outgoing_);
}

void AdsStream::wait_for_endpoints() {
  if (patience_running_) return;
  patience_running_ = true;
  const auto end = last_progress_ + kPatience;
  patience_.expires_at(end);
  patience_.async_wait([self = shared_from_this(), end](const boost::system::error_code& error) {
    self->patience_running_ = false;
    if (error || self->closed_ || !self->session_.holding_back()) return;
    if (self->last_progress_ + kPatience > end) return self->wait_for_endpoints();
    spdlog::warn(
        "ads: {} has not asked for all endpoints or routes that belong to its clusters: going on anyway",
        self->node_->id);
    self->session_.stop_waiting();
    self->pump();
  });
}

}  // namespace remora::xds

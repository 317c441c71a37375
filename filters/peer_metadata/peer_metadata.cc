#include "peer_metadata/peer_metadata.h"

#include <absl/container/flat_hash_map.h>
#include <absl/strings/string_view.h>

#include "peer_metadata/workload_codec.h"

namespace remora::filters {
namespace {

constexpr size_t kMaxPeers = 500;        // remembered by a worker, as Istio does
constexpr size_t kMaxRemembered = 4096;  // bytes of a value that is worth remembering

// Decoded header values. The whole value is the key, not the id beside it: a peer must not be able to speak
// for another.
class PeerCache {
 public:
  std::shared_ptr<const Workload> find(std::string_view value, const std::set<std::string>& labels) {
    if (value.empty()) return nullptr;
    const auto found = peers_.find(absl::string_view(value.data(), value.size()));
    if (found != peers_.end()) return found->second;
    std::shared_ptr<const Workload> peer;
    if (auto decoded = decode_workload(value, labels))
      peer = std::make_shared<const Workload>(*std::move(decoded));
    if (value.size() > kMaxRemembered) return peer;
    if (peers_.size() >= kMaxPeers) peers_.clear();
    peers_.emplace(value, peer);
    return peer;
  }

 private:
  absl::flat_hash_map<std::string, std::shared_ptr<const Workload>> peers_;
};

class PeerMetadataFilter final : public HttpFilter {
 public:
  explicit PeerMetadataFilter(std::shared_ptr<const PeerMetadataConfig> config)
      : config_(std::move(config)) {}

  Verdict on_request_head(FilterContext& context, HeaderMap& head, bool /*end*/) override {
    if (config_->discover_downstream) context.info().downstream_peer = take_peer(head);
    if (config_->tell_upstream) tell(head);
    return Verdict::go_on();
  }

  Verdict on_response_head(FilterContext& context, HeaderMap& head, bool /*end*/) override {
    ExchangeInfo& info = context.info();
    if (config_->discover_upstream) info.upstream_peer = take_peer(head);
    if (config_->tell_downstream && info.downstream_peer != nullptr) tell(head);
    return Verdict::go_on();
  }

 private:
  // What the peer says of itself must not reach the application (or the client).
  std::shared_ptr<const Workload> take_peer(HeaderMap& head) {
    auto peer = peers_.find(head.value_of(HeaderId::kXEnvoyPeerMetadata), config_->labels);
    if (head.has(HeaderId::kXEnvoyPeerMetadata)) head.remove(HeaderId::kXEnvoyPeerMetadata);
    if (head.has(HeaderId::kXEnvoyPeerMetadataId)) head.remove(HeaderId::kXEnvoyPeerMetadataId);
    return peer;
  }

  void tell(HeaderMap& head) const {
    head.set(HeaderId::kXEnvoyPeerMetadataId, config_->id);
    head.set(HeaderId::kXEnvoyPeerMetadata, config_->value);
  }

  std::shared_ptr<const PeerMetadataConfig> config_;
  PeerCache peers_;
};

}  // namespace

std::unique_ptr<HttpFilter> make_peer_metadata_filter(std::shared_ptr<const PeerMetadataConfig> config) {
  return std::make_unique<PeerMetadataFilter>(std::move(config));
}

}  // namespace remora::filters

#include "istio_stats/istio_stats.h"

#include <charconv>

#include <absl/container/flat_hash_map.h>

#include "common/workload.h"
#include "istio_stats/service.h"
#include "remora/config/route.h"
#include "remora/http/grpc.h"
#include "remora/http/tls_info.h"

namespace remora::filters {
namespace {

constexpr size_t kMaxCached = 8192;  // entries a worker remembers before it starts anew

constexpr int16_t kNotGrpc = -2;
constexpr int16_t kNoGrpcStatus = -1;

bool is_grpc(const HeaderMap* head) {
  return head != nullptr && is_grpc_content_type(head->value_of(HeaderId::kContentType));
}

// The status of the trailers, else of the head, else the one that the HTTP status means.
int16_t grpc_status(const ExchangeInfo& info) {
  if (!is_grpc(info.request)) return kNotGrpc;
  for (const HeaderMap* head : {info.response_trailers, info.response}) {
    if (head == nullptr) continue;
    const std::string_view text = head->value_of(HeaderId::kGrpcStatus);
    int16_t status = kNoGrpcStatus;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), status);
    if (error == std::errc() && end == text.data() + text.size() && status >= 0) return status;
  }
  return info.response_code == 200 ? kNoGrpcStatus : grpc_status_for_http(info.response_code);
}

// Who the two ends of a connection proved to be: the first URI names of their certificates, where both
// showed one and the peer's was verified.
struct Principals {
  std::string_view local;
  std::string_view peer;
};

Principals principals_of(const TlsInfo* tls) {
  const auto first_uri = [](const std::shared_ptr<const CertificateInfo>& certificate) {
    const bool named = certificate != nullptr && !certificate->uri_sans.empty();
    return named ? std::string_view(certificate->uri_sans.front()) : std::string_view();
  };
  if (tls == nullptr) return {};
  return {first_uri(tls->local), tls->peer_validated ? first_uri(tls->peer) : std::string_view()};
}

// All that the labels of an exchange depend on. Pointers stand for what they point at: the cache keeps it
// alive, so that none of them can come to mean something else.
struct Key {
  const Metadata* cluster = nullptr;
  const Metadata* endpoint = nullptr;
  const Workload* peer = nullptr;
  std::string_view special;  // of a fixed set of names
  std::string_view host;     // only where it names the service
  std::string_view local_principal;
  std::string_view peer_principal;
  ResponseFlags flags;
  uint16_t code = 0;
  int16_t grpc = kNotGrpc;

  bool operator==(const Key&) const = default;
  template <typename H>
  friend H AbslHashValue(H state, const Key& key) {
    return H::combine(std::move(state), key.cluster, key.endpoint, key.peer, key.special, key.host,
                      key.local_principal, key.peer_principal, key.flags.bits(), key.code, key.grpc);
  }
};

// What a Key points at, and the answer.
struct Entry {
  std::shared_ptr<const Metadata> cluster;
  std::shared_ptr<const Metadata> endpoint;
  std::shared_ptr<const Workload> peer;
  std::unique_ptr<const std::string> texts;
  StatBlock* block = nullptr;
  StatBlock* messages = nullptr;  // once there were any
};

class IstioStatsFilter final : public HttpFilter {
 public:
  explicit IstioStatsFilter(std::shared_ptr<const IstioStatsConfig> config) : config_(std::move(config)) {}

  void on_complete(FilterContext& context) override {
    const ExchangeInfo& info = context.info();
    Entry& entry = entry_of(info, context.shard());
    StatBlock& block = *entry.block;
    block.add(kRequests);
    block.record(kDuration, info.duration_ms());
    block.record(kRequestBytes, info.request_header_bytes + info.request_body_bytes);
    block.record(kResponseBytes, info.response_header_bytes + info.response_body_bytes);
    if (info.grpc_messages) {
      StatBlock& messages = messages_of(entry, info, context.shard());
      messages.add(kRequestMessages, info.grpc_messages->request);
      messages.add(kResponseMessages, info.grpc_messages->response);
    }
  }

 private:
  Entry& entry_of(const ExchangeInfo& info, size_t shard) {
    const Key key = key_of(info);
    const auto found = cache_.find(key);
    return found == cache_.end() ? remember(key, info, shard) : found->second;
  }

  StatBlock& messages_of(Entry& entry, const ExchangeInfo& info, size_t shard) {
    if (entry.messages == nullptr)
      entry.messages = &config_->series->messages(labels_of(key_of(info)), shard).block(shard);
    return *entry.messages;
  }

  Key key_of(const ExchangeInfo& info) {
    Key key;
    if (info.cluster != nullptr) key.cluster = info.cluster->metadata.get();
    key.peer = peer_of(info).get();
    // A client that was not told who answers knows it from the endpoint's metadata.
    if (!config_->server && key.peer == nullptr && info.upstream_host != nullptr) {
      key.endpoint = info.upstream_host->metadata.get();
    }
    key.special = special_service(info);
    if (needs_host(key, info)) key.host = info.request->authority();
    const auto principals = principals_of(config_->server ? info.downstream_tls : info.upstream_tls);
    key.local_principal = principals.local;
    key.peer_principal = principals.peer;
    key.flags = info.flags;
    key.code = info.response_code;
    key.grpc = grpc_status(info);
    return key;
  }

  bool needs_host(const Key& key, const ExchangeInfo& info) {
    if (!config_->host_fallback || info.request == nullptr) return false;
    if (key.cluster == nullptr || !key.special.empty()) return true;
    if (key.cluster == last_cluster_.get()) return !last_names_service_;
    last_cluster_ = info.cluster->metadata;
    last_names_service_ = names_service(*last_cluster_);
    return !last_names_service_;
  }

  const std::shared_ptr<const Workload>& peer_of(const ExchangeInfo& info) const {
    return config_->server ? info.downstream_peer : info.upstream_peer;
  }

  Entry& remember(Key key, const ExchangeInfo& info, size_t shard) {
    if (cache_.size() >= kMaxCached) cache_.clear();
    Entry entry;
    entry.peer = peer_of(info);
    if (key.cluster != nullptr) entry.cluster = info.cluster->metadata;
    if (key.endpoint != nullptr) entry.endpoint = info.upstream_host->metadata;
    keep_texts(key, entry);
    entry.block = &config_->series->series(labels_of(key), shard).block(shard);
    return cache_.emplace(key, std::move(entry)).first->second;
  }

  // One string holds all texts of the key.
  static void keep_texts(Key& key, Entry& entry) {
    std::string all;
    for (const auto text : {key.host, key.local_principal, key.peer_principal}) all += text;
    entry.texts = std::make_unique<const std::string>(std::move(all));
    std::string_view rest = *entry.texts;
    for (auto* text : {&key.host, &key.local_principal, &key.peer_principal}) {
      *text = rest.substr(0, text->size());
      rest.remove_prefix(text->size());
    }
  }

  IstioLabelValues labels_of(const Key& key) const {
    LabelInputs inputs;
    inputs.server = config_->server;
    inputs.local = &config_->local;
    std::shared_ptr<const Workload> endpoint;
    if (key.endpoint != nullptr) endpoint = endpoint_workload(*key.endpoint);
    inputs.peer = key.peer != nullptr ? key.peer : endpoint.get();
    inputs.service = service_of(key.cluster, key.special, key.host);
    inputs.grpc = key.grpc != kNotGrpc;
    inputs.response_code = key.code;
    if (key.grpc >= 0) inputs.grpc_status = std::to_string(key.grpc);
    inputs.flags = key.flags;
    inputs.local_principal = key.local_principal;
    inputs.peer_principal = key.peer_principal;
    return istio_labels(inputs);
  }

  std::shared_ptr<const IstioStatsConfig> config_;
  absl::flat_hash_map<Key, Entry> cache_;
  std::shared_ptr<const Metadata> last_cluster_;  // whether the cluster asked about last names its service
  bool last_names_service_ = false;
};

}  // namespace

std::unique_ptr<HttpFilter> make_istio_stats_filter(std::shared_ptr<const IstioStatsConfig> config) {
  return std::make_unique<IstioStatsFilter>(std::move(config));
}

}  // namespace remora::filters

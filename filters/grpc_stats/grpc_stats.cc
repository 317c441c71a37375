#include "grpc_stats/grpc_stats.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include <absl/container/flat_hash_map.h>

#include "grpc_stats/message_counter.h"
#include "remora/http/grpc.h"

namespace remora::filters {
namespace {

constexpr size_t kMaxCached = 4096;  // entries of a cache that a worker remembers before it starts anew

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
template <typename Value>
using TextMap = absl::flat_hash_map<std::string, Value, TextHash, std::equal_to<>>;

/// One call under way.
struct Call {
  const MethodName* method = nullptr;  // null: counted without service and method
  bool named = false;                  // the path is that of a method; else nothing is counted in statistics
  bool counts_response = false;        // the response's body is messages
  bool head_only = false;              // the response ends with its head
  StatBlock* block = nullptr;          // once the cluster is known
  MessageCounter request;
  MessageCounter response;
  uint64_t charged_requests = 0;
  uint64_t charged_responses = 0;
};

/// The filter is one for all exchanges of a worker, so that a request costs no allocation; what belongs to an
/// exchange is found by its context, which stays where it is until on_complete.
class GrpcStatsFilter final : public HttpFilter {
 public:
  explicit GrpcStatsFilter(std::shared_ptr<const GrpcStatsConfig> config) : config_(std::move(config)) {}

  Verdict on_request_head(FilterContext& context, HeaderMap& head, bool) override {
    if (!is_grpc_content_type(head.value_of(HeaderId::kContentType))) return Verdict::go_on();
    Call call;
    if (const auto method = grpc_method_of(head.path())) {
      call.named = true;
      call.method = name_of(*method, context.shard());
    }
    calls_.insert_or_assign(&context, call);
    return Verdict::go_on();
  }

  void on_request_body(FilterContext& context, std::string_view bytes, bool) override {
    Call* call = call_of(context);
    if (call != nullptr && call->request.add(bytes) > 0) charge_messages(context, *call);
  }

  Verdict on_response_head(FilterContext& context, HeaderMap& head, bool end) override {
    if (Call* call = call_of(context)) {
      call->head_only = end;
      call->counts_response =
          !end && head.status() == 200 && is_grpc_content_type(head.value_of(HeaderId::kContentType));
    }
    return Verdict::go_on();
  }

  void on_response_body(FilterContext& context, std::string_view bytes, bool) override {
    Call* call = call_of(context);
    if (call == nullptr || !call->counts_response) return;
    if (call->response.add(bytes) > 0) charge_messages(context, *call);
  }

  void on_complete(FilterContext& context) override {
    const auto found = calls_.empty() ? calls_.end() : calls_.find(&context);
    if (found == calls_.end()) return;
    Call& call = found->second;
    charge_messages(context, call);
    if (StatBlock* block = block_of(context, call)) {
      const ExchangeInfo& info = context.info();
      for (const HeaderMap* head : {info.response, info.response_trailers}) charge_status(head, *block);
      charge_time(info, call, *block);
    }
    calls_.erase(found);
  }

 private:
  Call* call_of(FilterContext& context) {
    if (calls_.empty()) return nullptr;
    const auto found = calls_.find(&context);
    return found == calls_.end() ? nullptr : &found->second;
  }

  const MethodName* name_of(const GrpcMethod& method, size_t shard) {
    if (!config_->all_methods) {
      // The allowlist is small and never changes: no cache.
      const auto found = config_->allowed.find(std::pair(method.service, method.method));
      return found == config_->allowed.end() ? nullptr : found->second;
    }
    // Both parts lie in one path; what is between them is always the same, so it names the pair.
    const char* end = method.method.data() + method.method.size();
    const std::string_view key(method.service.data(), static_cast<size_t>(end - method.service.data()));
    if (const auto found = names_.find(key); found != names_.end()) return found->second;
    std::string service(method.service);
    if (config_->replace_dots) std::ranges::replace(service, '.', '_');
    const MethodName* name = config_->methods->from_client(service, method.method, shard);
    // Not kept: whoever sends such paths sends many.
    if (name == nullptr || key.size() > MethodTable::kMaxNameLength + 1) return name;
    if (names_.size() >= kMaxCached) names_.clear();
    names_.emplace(key, name);
    return name;
  }

  // Null as long as there is no cluster, and for paths that name no method.
  StatBlock* block_of(FilterContext& context, Call& call) {
    const ClusterConfig* cluster = context.info().cluster;
    if (call.block != nullptr || !call.named || cluster == nullptr) return call.block;
    auto& blocks = blocks_[call.method];
    const auto found = blocks.find(std::string_view(cluster->name));
    if (found != blocks.end()) return call.block = found->second;
    if (blocks.size() >= kMaxCached) blocks.clear();
    call.block = &config_->methods->scope(*cluster, call.method, context.shard()).block(context.shard());
    blocks.emplace(cluster->name, call.block);
    return call.block;
  }

  void charge_messages(FilterContext& context, Call& call) {
    if (config_->emit_counts && call.request.count() + call.response.count() > 0) {
      context.info().grpc_messages = {call.request.count(), call.response.count()};
    }
    StatBlock* block = block_of(context, call);
    if (block == nullptr) return;
    block->add(kGrpcRequestMessages, call.request.count() - call.charged_requests);
    block->add(kGrpcResponseMessages, call.response.count() - call.charged_responses);
    call.charged_requests = call.request.count();
    call.charged_responses = call.response.count();
  }

  static void charge_status(const HeaderMap* head, StatBlock& block) {
    if (head == nullptr || !head->has(HeaderId::kGrpcStatus)) return;
    const std::string_view text = head->value_of(HeaderId::kGrpcStatus);
    size_t status = kGrpcStatuses;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), status);
    if (error == std::errc() && end == text.data() + text.size() && status < kGrpcStatuses) block.add(status);
    block.add(text == "0" ? kGrpcSuccess : kGrpcFailure);
    block.add(kGrpcTotal);
  }

  // From the last byte of the request to the last of the response: what the server took.
  void charge_time(const ExchangeInfo& info, const Call& call, StatBlock& block) const {
    constexpr MonotonicTime kNever{};
    if (!config_->upstream_stats || !(call.head_only || info.response_trailers != nullptr)) return;
    if (info.upstream_last_sent == kNever || info.upstream_last_received == kNever) return;
    const bool backwards = info.upstream_last_received < info.upstream_last_sent;
    block.record(kGrpcUpstreamTime,
                 backwards ? 0 : elapsed_ms(info.upstream_last_sent, info.upstream_last_received));
  }

  std::shared_ptr<const GrpcStatsConfig> config_;
  absl::flat_hash_map<const FilterContext*, Call> calls_;
  TextMap<const MethodName*> names_;                                    // by "service/method" as it was sent
  absl::flat_hash_map<const MethodName*, TextMap<StatBlock*>> blocks_;  // then by the cluster's name
};

}  // namespace

std::unique_ptr<HttpFilter> make_grpc_stats_filter(std::shared_ptr<const GrpcStatsConfig> config) {
  return std::make_unique<GrpcStatsFilter>(std::move(config));
}

}  // namespace remora::filters

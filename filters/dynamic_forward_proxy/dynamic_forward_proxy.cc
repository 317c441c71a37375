#include "dynamic_forward_proxy/dynamic_forward_proxy.h"

#include <optional>
#include <string_view>
#include <utility>

#include "common/per_exchange.h"

namespace remora::filters {
namespace {

/// Beyond what the cache itself gives a question.
constexpr Milliseconds kMorePatience{5000};
/// Where the resolver alone decides how long a question takes.
constexpr Milliseconds kPatience{3600000};

/// What c-ares would say of it.
constexpr std::string_view kNoHost = "dns_resolution_failure{cares_failure:Misformatted_domain_name}";
constexpr std::string_view kNotAsked = "dns_resolution_failure{not_resolved}";

LocalReply unavailable(std::string body, std::string_view details, ResponseFlag flag = ResponseFlag::kNone) {
  LocalReply reply;
  reply.status = 503;
  reply.body = std::move(body);
  reply.details = details;
  reply.flag = flag;
  return reply;
}

LocalReply empty_host() {
  LocalReply reply;
  reply.status = 400;
  reply.body = "Empty host header";
  reply.details = "empty_host_header";
  return reply;
}

LocalReply overflow() { return unavailable("DNS cache overflow", "dns_cache_overflow"); }

LocalReply too_many_wait() {
  return unavailable("Dynamic forward proxy pending request overflow",
                     "dynamic_forward_proxy_pending_request_overflow");
}

LocalReply unresolved(std::string_view details) {
  return unavailable("DNS resolution failure", details, ResponseFlag::kDnsResolutionFailed);
}

class ForwardFilter final : public HttpFilter {
 public:
  explicit ForwardFilter(std::shared_ptr<const DnsCache> cache) : cache_(std::move(cache)), view_(cache_) {}

  Verdict on_request_head(FilterContext& context, HeaderMap& head, bool) override {
    const auto port = default_port(context.info().route_cluster);
    if (!port) return Verdict::go_on();
    rewrite_host(context, head);
    if (head.authority().empty()) return Verdict::reply(empty_host());
    if (!forward_name(head.authority(), *port, text_)) return Verdict::reply(unresolved(kNoHost));
    if (view_.find(text_) != nullptr) return Verdict::go_on();
    return wait(context);
  }

  void on_complete(FilterContext& context) override {
    Waiting* waiting = waiting_.find(context);
    if (waiting == nullptr) return;
    context.worker().cancel_demand(waiting->demand);
    end(context);
  }

 private:
  struct Waiting {
    uint64_t demand = 0;
    std::string text;  // of the name
    std::optional<Resume> resume;
    void reset() {
      text.clear();
      resume.reset();
    }
  };

  /// Nothing: the request goes to a cluster that is none of this filter's business.
  std::optional<uint16_t> default_port(std::string_view cluster) {
    if (const auto version = cache_->clusters_version(); version != clusters_version_) {
      clusters_version_ = version;
      clusters_ = cache_->clusters();
    }
    const auto found = clusters_.find(cluster);
    return found == clusters_.end() ? std::nullopt : std::optional(found->second);
  }

  static void rewrite_host(FilterContext& context, HeaderMap& head) {
    const auto* route = most_specific<ForwardRoute>(context);
    if (route == nullptr) return;
    if (!route->host.empty()) head.set(HeaderId::kAuthority, route->host);
    if (route->host_header.empty()) return;
    if (const auto value = head.get(route->host_header)) head.set(HeaderId::kAuthority, *value);
  }

  /// A failure counts until the name has been asked for again.
  Verdict wait(FilterContext& context) {
    const auto known = cache_->find_any(text_);
    if (known != nullptr && known->failure() != nullptr)
      return known->version() > 0 ? Verdict::go_on() : Verdict::reply(unresolved(known->failure()));
    if (known == nullptr && cache_->is_full()) {
      cache_->stats(context.shard()).add(kHostOverflow);
      return Verdict::reply(overflow());
    }
    if (!cache_->begin_wait(context.shard())) return Verdict::reply(too_many_wait());
    Waiting& waiting = waiting_.begin(context);
    waiting.text = text_;
    waiting.resume.emplace(context.pause());
    const auto timeout = cache_->config().query_timeout;
    // The exchange takes its demand back before it ends (on_complete), so both are there when this is called.
    waiting.demand = context.worker().demand(
        {cache_->key_of(text_), cache_, 0}, timeout.count() == 0 ? kPatience : timeout + kMorePatience,
        [this, &context](DemandResult result) { settled(context, result); });
    return Verdict::pause();
  }

  void settled(FilterContext& context, DemandResult result) {
    Waiting& waiting = *waiting_.find(context);
    Resume resume = std::move(*waiting.resume);
    const auto name = cache_->find_any(waiting.text);
    end(context);
    if (name != nullptr && name->version() > 0) {
      std::move(resume).go_on();
    } else if (result == DemandResult::kOverflow) {
      std::move(resume).reply(too_many_wait());
    } else if (name == nullptr && cache_->is_full()) {
      std::move(resume).reply(overflow());
    } else {
      const char* failure = name == nullptr ? nullptr : name->failure();
      std::move(resume).reply(unresolved(failure == nullptr ? kNotAsked : failure));
    }
  }

  void end(FilterContext& context) {
    cache_->end_wait(context.shard());
    waiting_.end(context);
  }

  std::shared_ptr<const DnsCache> cache_;
  DnsCacheView view_;
  DnsCache::Clusters clusters_;
  uint64_t clusters_version_ = 0;
  std::string text_;  // of the name under way; kept for its room
  PerExchange<Waiting> waiting_;
};

}  // namespace

std::unique_ptr<HttpFilter> make_dynamic_forward_proxy_filter(std::shared_ptr<const DnsCache> cache) {
  return std::make_unique<ForwardFilter>(std::move(cache));
}

}  // namespace remora::filters

#include "jwt_authn/jwt_authn.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/per_exchange.h"

namespace remora::filters {
namespace {

constexpr std::string_view kNamespace = "envoy.filters.http.jwt_authn";  // of the dynamic metadata

bool is_preflight(const HeaderMap& head) {
  const auto has = [&](std::string_view name) { return !head.get(name).value_or("").empty(); };
  return head.method() == "OPTIONS" && has("origin") && has("access-control-request-method");
}

/// The address that the client asked for, as far as a header should repeat it.
std::string asked_for(const HeaderMap& head) {
  constexpr size_t kMost = 256;
  const auto original = head.value_of(HeaderId::kXEnvoyOriginalPath);
  const auto path = original.empty() ? head.path() : original;
  std::string out(head.value_of(HeaderId::kScheme));
  return out.append("://").append(head.authority()).append(path.substr(0, kMost));
}

LocalReply refusal(JwtStatus status, std::string asked, bool silent) {
  LocalReply reply;
  reply.status = status == JwtStatus::kAudience ? 403 : 401;
  reply.details = details_of(status);
  if (silent) return reply;
  reply.body = text_of(status);
  reply.edit_head = [asked = std::move(asked), status](HeaderMap& head) {
    std::string challenge = "Bearer realm=\"" + asked + "\"";
    if (status != JwtStatus::kMissing) challenge += ", error=\"invalid_token\"";
    head.set("www-authenticate", challenge);
  };
  return reply;
}

class JwtAuthnFilter final : public HttpFilter {
 public:
  explicit JwtAuthnFilter(std::shared_ptr<const JwtAuthnConfig> config) : config_(std::move(config)) {
    for (const auto& [name, provider] : config_->providers) states_.emplace_back(*provider);
  }

  void start(FilterWorker& worker) override {
    for (const auto& state : states_) {
      if (state.source) state.source->start(worker);
    }
  }

  Verdict on_request_head(FilterContext& context, HeaderMap& head, bool) override {
    for (const std::string& name : config_->own_headers) head.remove(name);
    if (config_->bypass_preflight && is_preflight(head)) {
      count(context, kPreflightBypassed);
      count(context, kJwtAllowed);
      return Verdict::go_on();
    }
    const auto* of_route = most_specific<JwtRouteConfig>(context);
    const JwtRequirement* requirement = nullptr;
    if (of_route == nullptr) {
      requirement = config_->of_rules(head, context.random().next());
    } else if (!of_route->disabled) {
      const auto found = config_->by_name.find(of_route->requirement);
      if (found == config_->by_name.end()) return refuse_name(context, of_route->requirement);
      requirement = &found->second;
    }
    if (requirement == nullptr) {
      count(context, kJwtAllowed);
      return Verdict::go_on();
    }
    return look(context, head, *requirement);
  }

  void on_complete(FilterContext& context) override { waiting_.end(context); }

 private:
  /// Of a request that waits for keys.
  struct Waiting {
    uint64_t ticket = 0;  // tells this wait from others of the same exchange object
    const JwtRequirement* requirement = nullptr;
    HeaderMap* head = nullptr;
    std::vector<const JwtProvider*> asked;  // whose keys were fetched for it, in vain or not
    std::optional<Resume> resume;
    bool asking = false;  // within fetch(): what comes at once needs no callback
    void reset() {
      ticket = 0;
      asking = false;
      requirement = nullptr;
      head = nullptr;
      asked.clear();
      resume.reset();
    }
  };

  void count(FilterContext& context, JwtStat stat) { config_->stats->block(context.shard()).add(stat); }

  Verdict refuse_name(FilterContext& context, const std::string& name) {
    count(context, kJwtDenied);
    LocalReply reply;
    reply.status = 403;
    reply.details = "jwt_authn_access_denied{Wrong_requirement_name}";
    if (config_->strip_failure_response) return Verdict::reply(std::move(reply));
    reply.body = "Failed JWT authentication: Wrong requirement_name: " + name + ". It should be one of [";
    const char* separator = "";
    for (const auto& [known, requirement] : config_->by_name)
      reply.body.append(std::exchange(separator, ",")).append(known);
    reply.body += "]";
    return Verdict::reply(std::move(reply));
  }

  /// Whether keys that may be needed are not there.
  bool lacks_keys(MonotonicTime now) {
    return std::ranges::any_of(states_, [now](const JwtProviderState& state) {
      return state.source && state.source->keys(now) == nullptr;
    });
  }

  /// `stats`: null for a look that does not count.
  JwtCheck check_of(FilterContext& context, HeaderMap& head, StatBlock* stats,
                    const std::vector<const JwtProvider*>& not_fetched) {
    const auto wall = context.clock().wall().time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wall).count();
    return {{config_->providers, states_, stats},
            head,
            {static_cast<uint64_t>(seconds), context.clock().now()},
            not_fetched};
  }

  Verdict look(FilterContext& context, HeaderMap& head, const JwtRequirement& requirement) {
    static const std::vector<const JwtProvider*> kNone;
    while (lacks_keys(context.clock().now())) {
      const Waiting* waiting = waiting_.find(context);
      HeaderMap copy = head;
      JwtCheck trial = check_of(context, copy, nullptr, waiting == nullptr ? kNone : waiting->asked);
      [[maybe_unused]] const auto status = trial.check(requirement);
      if (trial.needs() == nullptr) break;
      if (wait_for(context, head, requirement, *trial.needs())) return Verdict::pause();
    }
    const Waiting* waiting = waiting_.find(context);
    JwtCheck final_look = check_of(context, head, &config_->stats->block(context.shard()),
                                   waiting == nullptr ? kNone : waiting->asked);
    const JwtStatus status = final_look.check(requirement);
    publish(context, final_look);
    if (status == JwtStatus::kOk) {
      count(context, kJwtAllowed);
      if (final_look.clears_route()) context.choose_route_again();
      return Verdict::go_on();
    }
    count(context, kJwtDenied);
    return Verdict::reply(refusal(status, asked_for(head), config_->strip_failure_response));
  }

  static void publish(FilterContext& context, JwtCheck& look) {
    if (look.extracted().empty()) return;
    MetadataValue& place =
        context.dynamic_metadata().filters.try_emplace(std::string(kNamespace)).first->second;
    auto* object = std::get_if<MetadataValue::Object>(&place.value);
    if (object == nullptr) {
      place.value = std::move(look.extracted());
    } else {
      for (auto& [name, value] : look.extracted()) (*object)[name] = std::move(value);
    }
  }

  /// False: the keys came, or failed to come, at once.
  bool wait_for(FilterContext& context, HeaderMap& head, const JwtRequirement& requirement,
                const JwtProvider& provider) {
    Waiting* waiting = waiting_.find(context);
    if (waiting == nullptr) waiting = &waiting_.begin(context);
    waiting->ticket = ++last_ticket_;
    waiting->requirement = &requirement;
    waiting->head = &head;
    waiting->asked.push_back(&provider);
    waiting->asking = true;
    states_[provider.number].source->fetch(
        context.worker(), [this, &context, ticket = last_ticket_] { on_fetched(context, ticket); });
    waiting->asking = false;
    if (waiting->ticket == 0) return false;
    if (!waiting->resume) waiting->resume.emplace(context.pause());
    return true;
  }

  void on_fetched(FilterContext& context, uint64_t ticket) {
    Waiting* waiting = waiting_.find(context);
    if (waiting == nullptr || waiting->ticket != ticket) return;  // the request has gone meanwhile
    waiting->ticket = 0;
    if (waiting->asking) return;
    Verdict verdict = look(context, *waiting->head, *waiting->requirement);
    if (verdict.kind() == Verdict::Kind::kPause) return;  // another provider's keys are needed as well
    Resume resume = std::move(*waiting->resume);
    waiting->resume.reset();
    if (verdict.kind() == Verdict::Kind::kReply) {
      std::move(resume).reply(verdict.take_reply());
    } else {
      std::move(resume).go_on();
    }
  }

  std::shared_ptr<const JwtAuthnConfig> config_;
  std::vector<JwtProviderState> states_;  // by the provider's number
  PerExchange<Waiting> waiting_;
  uint64_t last_ticket_ = 0;
};

}  // namespace

const JwtRequirement* JwtAuthnConfig::of_rules(const HeaderMap& head, uint64_t random) const {
  const auto match = rules->match(head, random);
  if (match.route == nullptr) return nullptr;
  return &rule_requirements[static_cast<size_t>(match.route - match.virtual_host->routes.data())];
}

std::unique_ptr<HttpFilter> make_jwt_authn_filter(std::shared_ptr<const JwtAuthnConfig> config) {
  return std::make_unique<JwtAuthnFilter>(std::move(config));
}

}  // namespace remora::filters

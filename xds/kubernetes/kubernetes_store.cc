#include "kubernetes/kubernetes_store.h"

#include <algorithm>

namespace remora::kubernetes {

KubernetesStore::KubernetesStore(boost::asio::io_context& context, ApiClient& client, StoreSettings settings)
    : client_(client),
      settings_(std::move(settings)) {
  for (const ApiKind& kind : api_kinds()) {
    const bool wanted = kind.need == Need::kRouting || (kind.need == Need::kRollouts && settings_.rollouts);
    if (!wanted) continue;
    reflectors_[kind.type()] = std::make_shared<Reflector>(context, client, kind, settings_.timing,
                                                           static_cast<ReflectorSink&>(*this));
  }
}

KubernetesStore::~KubernetesStore() {
  for (const auto& [type, reflector] : reflectors_) reflector->stop();
}

void KubernetesStore::start() {
  for (const auto& [type, reflector] : reflectors_) reflector->start();
}

std::vector<KindState> KubernetesStore::states() const {
  std::vector<KindState> states;
  for (const auto& [type, reflector] : reflectors_) states.push_back(reflector->state());
  return states;
}

void KubernetesStore::on_list(const ApiKind& kind, std::vector<store::ObjectPtr> objects,
                              const std::vector<Unreadable>& unreadable, uint64_t version) {
  std::set<store::ObjectKey> keep;
  for (const Unreadable& fault : unreadable) keep.insert(fault.key);
  cache_.replace(kind.type(), objects, keep, version);
}

void KubernetesStore::on_state(const KindState& state) {
  using Condition = KindState::Condition;
  const std::string text = describe(state);
  std::string& told = told_[state.kind->type()];
  const bool well = state.condition == Condition::kWatching;
  if (told != text && !(well && told.empty())) {
    const bool warning =
        !well && !(state.condition == Condition::kAbsent && state.kind->need == Need::kRollouts);
    settings_.log(warning, "Kubernetes: " + text);
  }
  told = text;
  settled_ = settled_ || std::all_of(reflectors_.begin(), reflectors_.end(),
                                     [](const auto& entry) { return entry.second->state().settled(); });
  if (changed_) changed_();
}

std::string_view KubernetesStore::version_of_kind(const ApiKind& kind) const {
  const auto found = reflectors_.find(kind.type());
  return found == reflectors_.end() ? kind.versions.front() : found->second->state().version;
}

/// Calls end with their store.
void KubernetesStore::call(ApiCall call, ApiClient::Answered done) {
  const uint64_t id = next_call_++;
  calls_[id] = client_.call(std::move(call), [this, id, done = std::move(done)](Result<ApiAnswer> answer) {
    const auto handle = std::move(calls_[id]);
    calls_.erase(id);
    done(std::move(answer));
  });
}

}  // namespace remora::kubernetes

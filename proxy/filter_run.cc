#include "filter_run.h"

#include "filter_slots.h"

namespace remora {
namespace {

/// What the route says to filter `number` of the chain; null if nothing.
const FilterSettings* settings_of(size_t number, const RouteFilters& route) {
  if (number >= route.slots.size() || route.slots[number] >= route.settings.size()) return nullptr;
  return &route.settings[route.slots[number]];
}

RouteFilterConfigs configs_of(const FilterSettings* settings) {
  return settings == nullptr ? RouteFilterConfigs() : settings->configs;
}

bool is_on(const HttpFilterEntry& entry, const FilterSettings* settings) {
  using State = FilterSettings::State;
  if (settings == nullptr || settings->state == State::kAsListener) return !entry.disabled;
  return settings->state == State::kOn;
}

}  // namespace

void FilterRun::begin(const std::vector<HttpFilterEntry>& chain,
                      const std::vector<std::unique_ptr<HttpFilter>>& shared, const RouteFilters& route) {
  clear();
  for (size_t i = 0; i < chain.size(); ++i) {
    const FilterSettings* settings = settings_of(i, route);
    if (!is_on(chain[i], settings)) continue;
    const RouteFilterConfigs configs = configs_of(settings);
    if (shared[i] != nullptr) {
      steps_.push_back({shared[i].get(), i, configs});
    } else {
      owned_.push_back(chain[i].factory->create());
      steps_.push_back({owned_.back().get(), i, configs});
    }
  }
}

void FilterRun::reroute(const RouteFilters& route) {
  for (Step& step : steps_) step.configs = configs_of(settings_of(step.number, route));
}

void FilterRun::clear() {
  steps_.clear();
  owned_.clear();
  seen_ = 0;
}

Verdict FilterRun::request_head(FilterContext& context, HeaderMap& head, const ArrivedRequest& arrived) {
  while (seen_ < steps_.size()) {
    const Step step = steps_[seen_++];
    auto verdict = enter(step, context).on_request_head(context, head, arrived.head_only());
    if (verdict.kind() != Verdict::Kind::kReply) show(step, context, arrived);
    if (verdict.kind() != Verdict::Kind::kContinue) return verdict;
  }
  return Verdict::go_on();
}

void FilterRun::show(const Step& step, FilterContext& context, const ArrivedRequest& arrived) {
  const bool trailers = arrived.trailers != nullptr;
  if (!arrived.body.empty())
    enter(step, context).on_request_body(context, arrived.body, arrived.complete && !trailers);
  if (trailers) enter(step, context).on_request_trailers(context, *arrived.trailers);
}

void FilterRun::request_body(FilterContext& context, std::string_view bytes, bool end) {
  for (size_t i = 0; i < seen_; ++i) enter(steps_[i], context).on_request_body(context, bytes, end);
}

void FilterRun::request_trailers(FilterContext& context, HeaderMap& trailers) {
  // Those that come to see the head because a filter goes on in here are shown the trailers with it.
  const size_t seen = seen_;
  for (size_t i = 0; i < seen; ++i) enter(steps_[i], context).on_request_trailers(context, trailers);
}

Verdict FilterRun::response_head(FilterContext& context, HeaderMap& head, bool end) {
  for (size_t i = steps_.size(); i-- > 0;) {
    auto verdict = enter(steps_[i], context).on_response_head(context, head, end);
    if (verdict.kind() == Verdict::Kind::kReply) return verdict;
  }
  return Verdict::go_on();
}

void FilterRun::response_body(FilterContext& context, std::string_view bytes, bool end) {
  for (size_t i = steps_.size(); i-- > 0;) enter(steps_[i], context).on_response_body(context, bytes, end);
}

void FilterRun::response_trailers(FilterContext& context, HeaderMap& trailers) {
  for (size_t i = steps_.size(); i-- > 0;) enter(steps_[i], context).on_response_trailers(context, trailers);
}

void FilterRun::complete(FilterContext& context) {
  for (const Step& step : steps_) enter(step, context).on_complete(context);
}

}  // namespace remora

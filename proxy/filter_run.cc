#include "filter_run.h"

namespace remora {

Resume::~Resume() {
  if (!target_) return;
  LocalReply reply;
  reply.status = 500;
  reply.details = "filter_dropped_exchange";
  use(Verdict::reply(std::move(reply)));
}

void FilterRun::begin(const std::vector<std::shared_ptr<const FilterFactory>>& factories,
                      const std::vector<std::unique_ptr<HttpFilter>>& shared) {
  clear();
  for (size_t i = 0; i < factories.size(); ++i) {
    if (shared[i] != nullptr) {
      filters_.push_back(shared[i].get());
    } else {
      owned_.push_back(factories[i]->create());
      filters_.push_back(owned_.back().get());
    }
  }
}

void FilterRun::clear() {
  filters_.clear();
  owned_.clear();
  seen_ = 0;
}

Verdict FilterRun::request_head(FilterContext& context, HeaderMap& head, bool end) {
  while (seen_ < filters_.size()) {
    auto verdict = filters_[seen_++]->on_request_head(context, head, end);
    if (verdict.kind() != Verdict::Kind::kContinue) return verdict;
  }
  return Verdict::go_on();
}

void FilterRun::request_body(FilterContext& context, std::string_view bytes, bool end) {
  for (size_t i = 0; i < seen_; ++i) filters_[i]->on_request_body(context, bytes, end);
}

Verdict FilterRun::response_head(FilterContext& context, HeaderMap& head, bool end) {
  for (size_t i = seen_; i-- > 0;) {
    auto verdict = filters_[i]->on_response_head(context, head, end);
    if (verdict.kind() == Verdict::Kind::kReply) return verdict;
  }
  return Verdict::go_on();
}

void FilterRun::response_body(FilterContext& context, std::string_view bytes, bool end) {
  for (size_t i = seen_; i-- > 0;) filters_[i]->on_response_body(context, bytes, end);
}

void FilterRun::complete(FilterContext& context) {
  for (auto* filter : filters_) filter->on_complete(context);
}

}  // namespace remora

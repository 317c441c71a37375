#include "header_mutation/header_mutation.h"

#include <utility>

namespace remora::filters {
namespace {

using Edits = std::vector<HeaderEdit>;

void apply(const Edits& edits, HeaderMap& head, const ExchangeInfo& info) {
  for (const HeaderEdit& edit : edits) {
    if (!edit.remove_matching) {
      edit.mutation.apply(head, info);
      continue;
    }
    head.remove_if([&](const HeaderMap::Field& field) {
      const bool protected_name = field.name.starts_with(':') || field.id == HeaderId::kHost;
      return !protected_name && edit.remove_matching->matches(field.name);
    });
  }
}

class HeaderMutationFilter final : public HttpFilter {
 public:
  explicit HeaderMutationFilter(std::shared_ptr<const HeaderMutationConfig> config)
      : config_(std::move(config)) {}

  Verdict on_request_head(FilterContext& context, HeaderMap& head, bool) override {
    edit(&HeaderEdits::request, context, head);
    return Verdict::go_on();
  }
  void on_request_trailers(FilterContext& context, HeaderMap& trailers) override {
    edit(&HeaderEdits::request_trailers, context, trailers);
  }
  Verdict on_response_head(FilterContext& context, HeaderMap& head, bool) override {
    edit(&HeaderEdits::response, context, head);
    return Verdict::go_on();
  }

 private:
  void edit(Edits HeaderEdits::*which, FilterContext& context, HeaderMap& head) const {
    apply(config_->edits.*which, head, context.info());
    const RouteFilterConfigs places = context.route_configs();  // most specific first
    for (size_t i = 0; i < places.size(); ++i) {
      const size_t place = config_->most_specific_wins ? places.size() - 1 - i : i;
      const auto* edits = dynamic_cast<const HeaderEdits*>(places[place]);
      if (edits != nullptr) apply(edits->*which, head, context.info());
    }
  }

  std::shared_ptr<const HeaderMutationConfig> config_;
};

}  // namespace

std::unique_ptr<HttpFilter> make_header_mutation_filter(std::shared_ptr<const HeaderMutationConfig> config) {
  return std::make_unique<HeaderMutationFilter>(std::move(config));
}

}  // namespace remora::filters

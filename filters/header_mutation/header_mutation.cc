#include "header_mutation/header_mutation.h"

#include <utility>

namespace remora::filters {
namespace {

class HeaderMutationFilter final : public HttpFilter {
 public:
  explicit HeaderMutationFilter(std::shared_ptr<const HeaderMutationConfig> config)
      : config_(std::move(config)) {}

  Verdict on_request_head(FilterContext& context, HeaderMap& head, bool) override {
    each_place(context, [&](const HeaderEdits& edits) {
      apply(edits.request, head, context.info());
      if (edits.query.empty() || !head.has(HeaderId::kPath)) return;
      head.set(HeaderId::kPath, edit_query(head.path(), edits.query, context.info()));
    });
    return Verdict::go_on();
  }
  void on_request_trailers(FilterContext& context, HeaderMap& trailers) override {
    edit(&HeaderEdits::request_trailers, context, trailers);
  }
  Verdict on_response_head(FilterContext& context, HeaderMap& head, bool) override {
    edit(&HeaderEdits::response, context, head);
    return Verdict::go_on();
  }
  void on_response_trailers(FilterContext& context, HeaderMap& trailers) override {
    edit(&HeaderEdits::response_trailers, context, trailers);
  }

 private:
  void edit(std::vector<HeaderEdit> HeaderEdits::*which, FilterContext& context, HeaderMap& head) const {
    each_place(context, [&](const HeaderEdits& edits) { apply(edits.*which, head, context.info()); });
  }

  /// The filter's own edits, then those of the places of the route table.
  template <typename Visit>
  void each_place(FilterContext& context, const Visit& visit) const {
    visit(config_->edits);
    const RouteFilterConfigs places = context.route_configs();  // most specific first
    for (size_t i = 0; i < places.size(); ++i) {
      const size_t place = config_->most_specific_wins ? places.size() - 1 - i : i;
      if (const auto* edits = dynamic_cast<const HeaderEdits*>(places[place])) visit(*edits);
    }
  }

  std::shared_ptr<const HeaderMutationConfig> config_;
};

}  // namespace

std::unique_ptr<HttpFilter> make_header_mutation_filter(std::shared_ptr<const HeaderMutationConfig> config) {
  return std::make_unique<HeaderMutationFilter>(std::move(config));
}

}  // namespace remora::filters

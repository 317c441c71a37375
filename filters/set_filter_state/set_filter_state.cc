#include "set_filter_state/set_filter_state.h"

#include <utility>

namespace remora::filters {
namespace {

class SetFilterStateFilter final : public HttpFilter {
 public:
  explicit SetFilterStateFilter(std::shared_ptr<const SetFilterStateConfig> config)
      : config_(std::move(config)) {}

  /// The listener's values, then those of the places of the route table, the most specific last.
  Verdict on_request_head(FilterContext& context, HeaderMap&, bool) override {
    set(*config_, context);
    const RouteFilterConfigs places = context.route_configs();
    for (size_t i = places.size(); i-- > 0;) {
      if (const auto* said = dynamic_cast<const SetFilterStateConfig*>(places[i])) set(*said, context);
    }
    return Verdict::go_on();
  }

 private:
  static void set(const SetFilterStateConfig& config, FilterContext& context) {
    for (const auto& value : config.on_request_head) {
      std::string text;
      value.format.append(context.info(), "-", text);
      if (!text.empty() || !value.skip_if_empty)
        context.filter_state().set(value.key, std::move(text), value.hashable);
    }
  }

  std::shared_ptr<const SetFilterStateConfig> config_;
};

}  // namespace

std::unique_ptr<HttpFilter> make_set_filter_state_filter(std::shared_ptr<const SetFilterStateConfig> config) {
  return std::make_unique<SetFilterStateFilter>(std::move(config));
}

}  // namespace remora::filters

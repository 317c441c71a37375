#include "unit/filters/greeting/greeting.h"

namespace remora::filters {
namespace {

class GreetingFilter final : public HttpFilter {
 public:
  explicit GreetingFilter(std::shared_ptr<const GreetingConfig> config) : config_(std::move(config)) {}

  Verdict on_request_head(FilterContext& context, HeaderMap& head, bool) override {
    const auto* of_route = most_specific<GreetingConfig>(context);
    const std::string& text = of_route == nullptr ? config_->text : of_route->text;
    if (head.get("x-greeting")) {
      LocalReply reply;
      reply.status = 400;
      reply.body = "the greeting is ours";
      reply.details = "greeting_spoofed";
      return Verdict::reply(std::move(reply));
    }
    head.add("x-greeting", text);
    config_->stats->block(context.shard()).add(kGreeted);
    return Verdict::go_on();
  }

 private:
  std::shared_ptr<const GreetingConfig> config_;
};

}  // namespace

std::unique_ptr<HttpFilter> make_greeting_filter(std::shared_ptr<const GreetingConfig> config) {
  return std::make_unique<GreetingFilter>(std::move(config));
}

}  // namespace remora::filters

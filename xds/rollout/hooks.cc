#include "rollout/hooks.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstdio>

#include "web/http_client.h"

namespace remora::rollout {
namespace {

constexpr unsigned kLastGoodStatus = 202;
constexpr size_t kMaxText = 300;
constexpr std::chrono::seconds kFirstBackOff{1};
constexpr std::chrono::seconds kLastBackOff{30};

/// An answer that may be another one the next time.
bool worth_retrying(const Result<web::Response>& answer) {
  if (!answer.ok()) return true;
  return answer->status == 429 || (answer->status >= 500 && answer->status != 501);
}

std::string text_of_answer(const Result<web::Response>& answer) {
  if (!answer.ok()) return answer.error().message;
  std::string text = "status " + std::to_string(answer->status);
  std::string body = answer->body.substr(0, kMaxText);
  std::replace_if(
      body.begin(), body.end(), [](unsigned char c) { return c < ' ' || c >= 0x7f; }, ' ');
  return body.empty() ? text : text + ": " + body;
}

class HookRun : public std::enable_shared_from_this<HookRun> {
 public:
  HookRun(boost::asio::io_context& context, std::vector<istio::CanaryWebhook> hooks, HookPayload payload,
          bool stop_at_pass, std::function<void(std::vector<Check>)> done)
      : context_(context),
        timer_(context),
        hooks_(std::move(hooks)),
        payload_(std::move(payload)),
        stop_at_pass_(stop_at_pass),
        done_(std::move(done)) {}

  void next() {
    if (index_ == hooks_.size()) {
      boost::asio::post(context_, [self = shared_from_this()] { self->finish(); });
      return;
    }
    attempts_left_ = hooks_[index_].retries;
    back_off_ = kFirstBackOff;
    attempt();
  }

  void abandon() {
    done_ = nullptr;
    call_.reset();
    timer_.cancel();
  }

 private:
  void attempt() {
    const istio::CanaryWebhook& hook = hooks_[index_];
    web::Request request;
    request.method = web::Verb::post;
    request.target = hook.url;
    request.headers.set("content-type", "application/json");
    request.body = payload_json(payload_, hook.metadata);
    web::ClientOptions options;
    options.timeout = std::chrono::ceil<std::chrono::milliseconds>(hook.timeout);
    options.verify = !hook.disable_tls;
    options.body_limit = 1024 * 1024;
    call_ = web::fetch(
        context_, std::move(request), options,
        [self = shared_from_this()](Result<web::Response> answer) { self->on_answer(std::move(answer)); });
  }

  void on_answer(Result<web::Response> answer) {
    if (!done_) return;
    if (worth_retrying(answer) && attempts_left_ > 0) {
      --attempts_left_;
      timer_.expires_after(back_off_);
      back_off_ = std::min(back_off_ * 2, kLastBackOff);
      timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
        if (!error && self->done_) self->attempt();
      });
      return;
    }
    Check check{.name = hooks_[index_].name, .kind = "webhook"};
    check.mute_alert = hooks_[index_].mute_alert;
    const bool passed = answer.ok() && answer->status <= kLastGoodStatus;
    check.outcome = passed ? Outcome::kPass : Outcome::kFail;
    check.text = text_of_answer(answer);
    checks_.push_back(std::move(check));
    ++index_;
    if (passed == stop_at_pass_) index_ = hooks_.size();
    next();
  }

  void finish() {
    if (!done_) return;
    const auto done = std::move(done_);
    done_ = nullptr;
    done(std::move(checks_));
  }

  boost::asio::io_context& context_;
  boost::asio::steady_timer timer_;
  std::vector<istio::CanaryWebhook> hooks_;
  HookPayload payload_;
  bool stop_at_pass_;
  std::function<void(std::vector<Check>)> done_;
  std::shared_ptr<void> call_;
  std::vector<Check> checks_;
  size_t index_ = 0;
  uint32_t attempts_left_ = 0;
  std::chrono::seconds back_off_ = kFirstBackOff;
};

}  // namespace

std::string checksum_of(const Status& status) {
  uint64_t hash = 1469598103934665603ULL;  // FNV-1a
  for (const unsigned char c : status.last_applied) hash = (hash ^ c) * 1099511628211ULL;
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

std::string payload_json(const HookPayload& payload, const std::map<std::string, std::string>& metadata) {
  boost::json::object out{{"name", payload.name},
                          {"namespace", payload.ns},
                          {"phase", payload.phase},
                          {"checksum", payload.checksum}};
  if (!metadata.empty()) {
    boost::json::object fields;
    for (const auto& [key, value] : metadata) fields[key] = value;
    out["metadata"] = std::move(fields);
  }
  return boost::json::serialize(out);
}

std::shared_ptr<void> call_hooks(boost::asio::io_context& context, std::vector<istio::CanaryWebhook> hooks,
                                 HookPayload payload, bool stop_at_pass,
                                 std::function<void(std::vector<Check>)> done) {
  auto run =
      std::make_shared<HookRun>(context, std::move(hooks), std::move(payload), stop_at_pass, std::move(done));
  run->next();
  return {run.get(), [run](void*) { run->abandon(); }};
}

}  // namespace remora::rollout

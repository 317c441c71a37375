#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <utility>

#include "rollout/canary_job.h"
#include "rollout/json_fields.h"

// A job at its borders: taking over from another leader, and giving back when the Canary is deleted.
namespace remora::rollout {
namespace {

namespace json = boost::json;

constexpr std::string_view kFinalizer = "finalizer.flagger.app";
/// For the store to hear of what somebody else has written.
constexpr std::chrono::milliseconds kUnheard{50};
/// Longer than it takes to notice that leadership was lost.
constexpr std::chrono::seconds kDeference{30};

const json::array* finalizers_of(const json::object& body) {
  return array_of(part_of(body, "metadata"), "finalizers");
}

bool has_finalizer(const json::object& body) {
  const auto* finalizers = finalizers_of(body);
  return finalizers != nullptr &&
         std::find(finalizers->begin(), finalizers->end(), json::value(kFinalizer)) != finalizers->end();
}

void set_finalizer(json::object& body, bool wanted) {
  json::array left;
  if (const auto* finalizers = finalizers_of(body)) {
    for (const auto& item : *finalizers) {
      if (item != json::value(kFinalizer)) left.push_back(item);
    }
  }
  if (wanted) left.emplace_back(kFinalizer);
  object_in(body, "metadata")["finalizers"] = std::move(left);
}

}  // namespace

/// Of several control planes, one drives. It says so in the status before it does anything, so that what it
/// has seen of the Canary is proven to be its newest state, and whoever drove it before can decide nothing
/// more.
bool CanaryJob::must_sign() const {
  return !environment_.identity.empty() && seen_.status.phase != Phase::kNone &&
         seen_.status.driver != environment_.identity;
}

void CanaryJob::sign() {
  // Who has taken it from us leads, and we are about to be told so: it is not taken back at once.
  if (std::exchange(signed_, false)) defer_until_ = seen_.now + kDeference;
  if (seen_.now < defer_until_) return rest(defer_until_);
  Status status = seen_.status;
  status.driver = environment_.identity;
  boost::json::object body = object_->body;
  body["status"] = to_json(status);
  environment_.store.update_status(
      key_, std::move(body), {object_->version, ""},
      [self = shared_from_this(), ticket = ++ticket_](const store::WriteResult& result) {
        if (self->stopped_ || ticket != self->ticket_) return;
        const auto* written = std::get_if<store::ObjectPtr>(&result);
        if (written != nullptr) self->object_ = *written;
        self->signed_ = written != nullptr;
        self->look_again(written != nullptr ? std::chrono::milliseconds(0) : kUnheard);
      });
}

/// What cannot be stored is not decided. But requests need not wait for a disk, or an API server, to leave a
/// canary that fails: failed checks are counted here as well, and where they are too many, the proxies are
/// shown routes that lead to the primary. That is no decision: it lasts until one can be stored, or this
/// process ends.
void CanaryJob::count_unwritten(const Decision& decision) {
  const Status& status = seen_.status;
  ++failed_writes_;
  const bool gets_traffic = status.weights.canary > 0 || status.weights.mirror;
  if (held_ || !environment_.hold_routes || !is_analysed() || !gets_traffic) return;
  if (decision.next.failed_checks > status.failed_checks && seen_.now >= counted_at_ + interval()) {
    ++unwritten_failures_;
    counted_at_ = seen_.now;
  }
  if (failed_writes_ < 2) return;  // a single one that fails is done again, and that is all
  const bool lost = decision.ending == Ending::kFailed;
  if (lost || status.failed_checks + unwritten_failures_ >= spec_->analysis.threshold) hold_routes();
}

void CanaryJob::hold_routes() {
  const store::ObjectPtr present = environment_.store.get({kVirtualServiceType, key_.ns, spec_->apex()});
  if (!present) return;
  const Status wanted = give_up(seen_, "").next;
  store::Object shown = *present;
  shown.body["spec"] = virtual_service_spec({*spec_, *object_, wanted, {}});
  held_ = true;
  environment_.log(true, key_.text() + ": its requests go to the primary again, but nothing can be stored: " +
                             "until that works, this holds as long as this process runs");
  environment_.hold_routes(shown);
}

bool CanaryJob::is_deleted() const {
  const auto* metadata = environment_.kubernetes ? object_of(object_->body, "metadata") : nullptr;
  return metadata != nullptr && !text_of(*metadata, "deletionTimestamp").empty();
}

/// A Canary that wants its target back must not be gone before that is done. True: the finalizer is as the
/// specification wants it; else it is being written.
bool CanaryJob::keep_finalizer() {
  if (!environment_.kubernetes || has_finalizer(object_->body) == spec_->revert_on_deletion) return true;
  json::object body = object_->body;
  set_finalizer(body, spec_->revert_on_deletion);
  environment_.store.update(
      key_, std::move(body), {object_->version, ""},
      [self = shared_from_this(), ticket = ++ticket_](const store::WriteResult& result) {
        if (self->stopped_ || ticket != self->ticket_) return;
        const auto* written = std::get_if<store::ObjectPtr>(&result);
        if (written != nullptr) self->object_ = *written;
        self->look_again(written != nullptr ? std::chrono::milliseconds(0) : self->retry_delay());
      });
  return false;
}

/// Step by step, each as often as it takes: the target has pods again, then the routes lead where they did
/// before, then the Canary may go.
void CanaryJob::give_back() {
  if (!has_finalizer(object_->body)) return rest(seen_.now + interval());
  if (seen_.status.phase != Phase::kTerminating) {
    Decision decision = terminate(seen_);
    return commit(std::move(decision), [](const Result<void>&) {});
  }
  Workloads::Return wanted = workloads_->give_back(seen_);
  if (wanted.objects.empty() && !wanted.ready) return rest(seen_.now + retry_delay());
  operation_ = reconcile_objects(
      environment_.store, object_, true, {}, std::move(wanted.objects),
      [self = shared_from_this(), ticket = ++ticket_, ready = wanted.ready](Result<Reconciled> result) {
        boost::asio::post(self->environment_.context, [self, ticket, ready, result] {
          if (self->stopped_ || ticket != self->ticket_) return;
          if (!result.ok()) self->report_problem(result.error().message);
          if (result.ok() && ready) return self->let_go();
          self->rest(self->environment_.now() + self->retry_delay());
        });
      });
}

void CanaryJob::let_go() {
  release_next(environment_.store, *object_, [self = shared_from_this()](const Result<bool>& released) {
    if (self->stopped_) return;
    if (!released.ok() || !*released) {
      return self->rest(self->environment_.now() +
                        (released.ok() ? std::chrono::milliseconds(0) : self->retry_delay()));
    }
    json::object body = self->object_->body;
    set_finalizer(body, false);
    self->environment_.log(false, self->key_.text() + ": its target is as it was before");
    self->environment_.store.update(self->key_, std::move(body), {self->object_->version, ""},
                                    [self](const store::WriteResult&) {
                                      if (!self->stopped_)
                                        self->rest(self->environment_.now() + self->retry_delay());
                                    });
  });
}

}  // namespace remora::rollout

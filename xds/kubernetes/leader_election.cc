#include "kubernetes/leader_election.h"

#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <random>

#include "kubernetes/wire.h"

namespace remora::kubernetes {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

/// Kubernetes' MicroTime.
std::string now_text() {
  const auto now = std::chrono::system_clock::now();
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count() % 1'000'000;
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, micros);
}

/// Replicas that start together should not ask together for ever.
milliseconds with_jitter(milliseconds period) {
  constexpr double kShare = 0.2;
  static std::mt19937 random(std::random_device{}());
  return milliseconds(static_cast<int64_t>(static_cast<double>(period.count()) *
                                           std::uniform_real_distribution(1.0, 1.0 + kShare)(random)));
}

int64_t whole_seconds(milliseconds duration) {
  return std::chrono::ceil<std::chrono::seconds>(duration).count();
}

/// The member `name`, which becomes an object where it is none.
json::object& object_in(json::object& parent, std::string_view name) {
  json::value& value = parent[name];
  if (!value.is_object()) value.emplace_object();
  return value.get_object();
}

json::object& spec_of(json::object& lease) { return object_in(lease, "spec"); }

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

int64_t number_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

/// What the server said, or why it said nothing.
std::string refusal(const Result<ApiAnswer>& answer) {
  return answer.ok() ? read_refusal(answer->status, answer->body).message : answer.error().message;
}

}  // namespace

LeaderElection::LeaderElection(boost::asio::io_context& context, ApiClient& client, LeaderSettings settings,
                               std::function<void(bool)> changed)
    : settings_(std::move(settings)),
      client_(client),
      changed_(std::move(changed)),
      retry_(context),
      deadline_(context) {}

LeaderElection::~LeaderElection() = default;

std::string LeaderElection::path() const {
  return "/apis/coordination.k8s.io/v1/namespaces/" + settings_.ns + "/leases";
}

void LeaderElection::start() { attempt(); }

void LeaderElection::attempt() {
  asked_at_ = Clock::now();
  ApiCall call;
  call.path = path() + '/' + settings_.name;
  call_ = client_.call(std::move(call), [this](const Result<ApiAnswer>& answer) { on_lease(answer); });
}

void LeaderElection::on_lease(const Result<ApiAnswer>& answer) {
  if (answer.ok() && answer->status == 404) return create();
  if (!answer.ok() || !answer->ok()) return failed("cannot read: " + refusal(answer));
  boost::system::error_code error;
  json::value body = json::parse(answer->body, error);
  if (error || !body.is_object()) return failed("cannot read: the answer is no JSON object");
  lease_ = std::move(body.get_object());
  observe();
  if (held_by_other()) {
    complaint_.clear();
    set_leads(false);  // somebody else has it, whatever we thought
    return wait();
  }
  write(lease_, Wish::kHold);
}

/// Notes when we saw the lease change: that is all we know of its holder's life.
void LeaderElection::observe() {
  const json::object& spec = spec_of(lease_);
  std::string text = json::serialize(spec);
  if (text == seen_) return;
  seen_ = std::move(text);
  seen_at_ = Clock::now();
  seen_duration_ = std::chrono::seconds(number_in(spec, "leaseDurationSeconds"));
  const std::string holder = text_in(spec, "holderIdentity");
  const std::string note =
      settings_.note_name.empty()
          ? ""
          : text_in(object_in(object_in(lease_, "metadata"), "annotations"), settings_.note_name);
  if (holder == holder_ && note == note_) return;
  const bool other = holder != holder_;
  holder_ = holder;
  note_ = note;
  if (other && !holder_.empty())
    spdlog::info("leader: {} leads ({}/{})", holder_, settings_.ns, settings_.name);
  observed_();
}

bool LeaderElection::held_by_other() const {
  return !holder_.empty() && holder_ != settings_.identity && Clock::now() < seen_at_ + seen_duration_;
}

void LeaderElection::create() {
  json::object lease{{"apiVersion", "coordination.k8s.io/v1"},
                     {"kind", "Lease"},
                     {"metadata", {{"name", settings_.name}, {"namespace", settings_.ns}}},
                     {"spec",
                      {{"holderIdentity", settings_.identity},
                       {"leaseDurationSeconds", whole_seconds(settings_.lease_duration)},
                       {"acquireTime", now_text()},
                       {"renewTime", now_text()},
                       {"leaseTransitions", 0}}}};
  if (!settings_.note_name.empty()) {
    object_in(object_in(lease, "metadata"), "annotations")[settings_.note_name] = own_note_;
  }
  ApiCall call{"POST", path(), json::serialize(lease)};
  call_ = client_.call(std::move(call), [this](const Result<ApiAnswer>& answer) { on_written(answer); });
}

/// The version that was read goes along, so of two that write at once one is refused.
void LeaderElection::write(json::object lease, Wish wish) {
  json::object& spec = spec_of(lease);
  const std::string now = now_text();
  if (text_in(spec, "holderIdentity") != settings_.identity) {
    spec["leaseTransitions"] = number_in(spec, "leaseTransitions") + 1;
    spec["acquireTime"] = now;
  }
  const bool hold = wish == Wish::kHold;
  spec["holderIdentity"] = hold ? settings_.identity : "";
  spec["leaseDurationSeconds"] = hold ? whole_seconds(settings_.lease_duration) : 1;
  spec["renewTime"] = now;
  if (hold && !settings_.note_name.empty()) {
    object_in(object_in(lease, "metadata"), "annotations")[settings_.note_name] = own_note_;
  }
  ApiCall call{"PUT", path() + '/' + settings_.name, json::serialize(lease)};
  call_ = client_.call(std::move(call), [this, hold](const Result<ApiAnswer>& answer) {
    if (hold) return on_written(answer);
    if (!answer.ok() || !answer->ok())
      spdlog::warn("leader: the lease is left to run out: {}", refusal(answer));
    finish_release();
  });
}

void LeaderElection::on_written(const Result<ApiAnswer>& answer) {
  if (!answer.ok() || !answer->ok()) return failed("cannot write: " + refusal(answer));
  boost::system::error_code error;
  json::value body = json::parse(answer->body, error);
  if (error || !body.is_object()) return failed("cannot write: the answer is no JSON object");
  lease_ = std::move(body.get_object());
  observe();
  complaint_.clear();
  deadline_.expires_at(asked_at_ + settings_.renew_deadline);
  watch_deadline();
  set_leads(true);
  wait();
}

void LeaderElection::failed(const std::string& why) {
  if (why != complaint_) {
    spdlog::warn("leader: lease {}/{}: {}", settings_.ns, settings_.name, why);
    complaint_ = why;
  }
  wait();
}

/// We may lead only for so long since we last knew that we do; an answer that never comes must not prolong
/// it.
void LeaderElection::watch_deadline() {
  deadline_.async_wait([this](const boost::system::error_code& error) {
    if (error || !leads_) return;
    spdlog::warn("leader: the lease could not be renewed for {} ms", settings_.renew_deadline.count());
    call_.reset();
    set_leads(false);
    wait();
  });
}

void LeaderElection::set_leads(bool leads) {
  if (leads == leads_) return;
  leads_ = leads;
  if (!leads) deadline_.cancel();
  spdlog::info("leader: {} {}", settings_.identity, leads ? "leads from now on" : "leads no longer");
  changed_(leads);
}

void LeaderElection::wait() {
  if (released_) return;
  retry_.expires_after(leads_ ? settings_.retry_period : with_jitter(settings_.retry_period));
  retry_.async_wait([this](const boost::system::error_code& error) {
    if (!error) attempt();
  });
}

void LeaderElection::release(std::function<void()> done) {
  released_ = std::move(done);
  call_.reset();
  retry_.cancel();
  const bool led = leads_;
  set_leads(false);
  if (!led) {
    boost::asio::post(retry_.get_executor(), [this] { finish_release(); });
    return;
  }
  retry_.expires_after(settings_.retry_period);
  retry_.async_wait([this](const boost::system::error_code& error) {
    if (!error) finish_release();
  });
  write(lease_, Wish::kRelease);
}

void LeaderElection::finish_release() {
  if (const auto done = std::exchange(released_, nullptr)) {
    retry_.cancel();
    call_.reset();
    done();
  }
}

}  // namespace remora::kubernetes

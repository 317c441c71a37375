#include "page/feed.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>

namespace remora::page {
namespace {

namespace json = boost::json;

constexpr std::chrono::milliseconds kPeriod{2000};
constexpr std::chrono::milliseconds kPause{250};
constexpr std::chrono::seconds kMeshPause{1};
constexpr size_t kRecentSteps = 50;
constexpr size_t kMaxListeners = 64;  // each may hold up 16 MiB; people and their open tabs are few

double now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

std::string event(const char* name, const json::value& data) {
  return std::string("event: ") + name + "\ndata: " + json::serialize(data) + "\n\n";
}

std::string line(const char* type, const json::value& rollout) {
  return json::serialize(json::object{{"type", type}, {"rollout", rollout}}) + "\n";
}

std::string id_of(const json::value& rollout) {
  return text_of(rollout, "namespace") + '/' + text_of(rollout, "name");
}

/// What a source says, with the time; the time alone where it is not there.
json::object stamped(const std::function<json::object()>& source) {
  json::object object = source ? source() : json::object();
  object["time"] = now();
  return object;
}

}  // namespace

std::string text_of(const json::value& object, std::string_view name) {
  const json::value* field = object.is_object() ? object.as_object().if_contains(name) : nullptr;
  return field != nullptr && field->is_string() ? std::string(field->as_string()) : "";
}

json::value recent(json::value rollout) {
  json::value* found = rollout.is_object() ? rollout.as_object().if_contains("timeline") : nullptr;
  if (found == nullptr || !found->is_array() || found->as_array().size() <= kRecentSteps) return rollout;
  json::array& timeline = found->as_array();
  const size_t earlier = timeline.size() - kRecentSteps;
  timeline.erase(timeline.begin(), timeline.begin() + static_cast<std::ptrdiff_t>(earlier));
  rollout.as_object()["earlierSteps"] = earlier;
  return rollout;
}

Feed::Feed(boost::asio::io_context& context, Sources sources)
    : context_(context),
      sources_(std::move(sources)),
      timer_(context),
      pause_(context),
      mesh_timer_(context) {}

void Feed::start() {
  if (sources_.rollouts != nullptr) {
    watch_ = sources_.rollouts->watch([feed = weak_from_this()] {
      if (const auto self = feed.lock()) self->rollouts_changed();
    });
  }
}

void Feed::close() {
  closed_ = true;
  timer_.cancel();
  pause_.cancel();
  mesh_timer_.cancel();
  watch_.reset();
  for (const Listener& listener : std::exchange(listeners_, {})) listener.responder->end();
}

void Feed::wait() {
  ticking_ = true;
  timer_.expires_after(kPeriod);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    self->ticking_ = false;
    if (error || self->closed_ || self->listeners_.empty()) return;
    self->tick();
    self->wait();
  });
}

void Feed::tick() {
  tell(Format::kEvents, event("traffic", traffic(sources_.traffic)));
  tell(Format::kLines, "\n");
}

void Feed::add(const web::ResponderPtr& responder, Format format) {
  if (closed_ || listeners_.size() >= kMaxListeners) {
    web::Response full{503, "text/plain; charset=utf-8", "too many look on already\n"};
    full.headers.set(boost::beast::http::field::retry_after, "5");
    return responder->respond(std::move(full));
  }
  const json::array rollouts = view();
  if (listeners_.empty()) remember(rollouts);
  web::Response head{200, format == Format::kEvents ? "text/event-stream" : "application/json"};
  head.headers.set(boost::beast::http::field::cache_control, "no-store");
  if (format == Format::kEvents) head.body = "retry: 1000\n\n" + snapshot();
  if (format == Format::kLines) {
    for (const json::value& rollout : rollouts) head.body += line("ADDED", rollout);
    if (head.body.empty()) head.body = "\n";
  }
  listeners_.push_back({responder, format});
  responder->on_gone([feed = weak_from_this(), gone = responder.get()] {
    const auto self = feed.lock();
    if (self) std::erase_if(self->listeners_, [&](const Listener& l) { return l.responder.get() == gone; });
  });
  responder->begin(std::move(head));
  if (!ticking_) wait();
}

/// A look costs as much as all canaries have to tell, so many that tick do not cause one each.
void Feed::rollouts_changed() {
  changed_ = true;
  if (listeners_.empty() || std::exchange(telling_, true)) return;
  boost::asio::post(context_, [self = shared_from_this()] {
    if (self->closed_) return;
    if (std::exchange(self->changed_, false) && !self->listeners_.empty()) self->tell_changed_rollouts();
    self->pause_.expires_after(kPause);
    self->pause_.async_wait([self](const boost::system::error_code& error) {
      self->telling_ = false;
      if (!error && self->changed_) self->rollouts_changed();
    });
  });
}

void Feed::tell_changed_rollouts() {
  const json::array rollouts = view();
  std::map<std::string, std::string> before = std::exchange(told_, {});
  for (const json::value& rollout : rollouts) {
    const std::string id = id_of(rollout);
    std::string text = json::serialize(rollout);
    const auto known = before.find(id);
    if (known == before.end() || known->second != text) {
      tell(Format::kEvents, event("rollout", rollout));
      tell(Format::kLines, line(known == before.end() ? "ADDED" : "MODIFIED", rollout));
    }
    if (known != before.end()) before.erase(known);
    told_[id] = std::move(text);
  }
  for (const auto& [id, text] : before) {
    const size_t slash = id.find('/');
    const json::object gone{{"namespace", id.substr(0, slash)}, {"name", id.substr(slash + 1)}};
    tell(Format::kEvents, event("rollout-gone", gone));
    tell(Format::kLines, line("DELETED", gone));
  }
}

void Feed::remember(const json::array& rollouts) {
  told_.clear();
  for (const json::value& rollout : rollouts) told_[id_of(rollout)] = json::serialize(rollout);
}

void Feed::mesh_changed() {
  if (!sources_.mesh || listeners_.empty() || std::exchange(telling_mesh_, true)) return;
  mesh_timer_.expires_at(std::max(std::chrono::steady_clock::now(), mesh_told_ + kMeshPause));
  mesh_timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    self->telling_mesh_ = false;
    if (error || self->listeners_.empty()) return;
    self->mesh_told_ = std::chrono::steady_clock::now();
    self->tell(Format::kEvents, event("mesh", self->mesh()));
  });
}

/// A listener that has gone while it is told leaves by its on_gone, so this works on a copy.
void Feed::tell(Format format, const std::string& text) {
  const std::vector<Listener> listeners = listeners_;
  for (const Listener& listener : listeners) {
    if (listener.format != format || listener.responder->write(text)) continue;
    std::erase_if(listeners_, [&](const Listener& l) { return l.responder == listener.responder; });
  }
}

std::string Feed::snapshot() const {
  return event("snapshot", json::object{{"time", now()},
                                        {"rollouts", view()},
                                        {"traffic", traffic(sources_.traffic_history)},
                                        {"mesh", mesh()}});
}

json::object Feed::traffic(const std::function<json::object()>& source) const {
  json::object numbers = stamped(source);
  if (sources_.standing) numbers["standing"] = sources_.standing();
  return numbers;
}

json::object Feed::mesh() const { return sources_.mesh ? sources_.mesh() : json::object(); }

json::array Feed::view() const {
  json::array rollouts = sources_.rollouts == nullptr ? json::array() : sources_.rollouts->view();
  for (json::value& rollout : rollouts) rollout = recent(std::move(rollout));
  return rollouts;
}

}  // namespace remora::page

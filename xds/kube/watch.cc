#include "kube/watch.h"

#include <boost/json/serialize.hpp>
#include <charconv>

#include "kube/forms.h"
#include "kube/resource_version.h"
#include "kube/status.h"

namespace remora::kube {
namespace {

namespace json = boost::json;
using std::chrono::seconds;

constexpr seconds kBookmarkInterval{60};
constexpr long kDefaultTimeout = 1800;  ///< of a watch that names none; clients watch again
constexpr long kMaxTimeout = 24 * 3600;

long timeout_of(const Call& call) {
  const std::string text = call.query("timeoutSeconds");
  long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool good = error == std::errc() && end == text.data() + text.size() && value > 0;
  return good ? std::min(value, kMaxTimeout) : kDefaultTimeout;
}

const char* word(store::EventType type) {
  switch (type) {
    case store::EventType::kAdded: return "ADDED";
    case store::EventType::kModified: return "MODIFIED";
    case store::EventType::kDeleted: break;
  }
  return "DELETED";
}

Refusal too_old() {
  return expired("too old resource version: what has happened since is not known any more; list again");
}

Refusal bad_watch(const std::string& why) {
  return {422, "Invalid", "ListOptions.meta.k8s.io \"\" is invalid: " + why, {}};
}

}  // namespace

WatchStream::WatchStream(Api& api, CallPtr call, Selector selector)
    : api_(api),
      call_(std::move(call)),
      selector_(std::move(selector)),
      end_(api.context),
      bookmark_(api.context),
      bookmarks_(call_->flag("allowWatchBookmarks")) {}

Outcome<WatchStream::Start> WatchStream::read_start() const {
  const std::string text = call_->query("resourceVersion");
  const auto version = parse_version(text);
  if (!text.empty() && !version) return bad_watch("resourceVersion: \"" + text + "\" is no number");
  const bool from_now = text.empty() || text == "0";
  if (!call_->request().has_query("sendInitialEvents")) {
    if (!call_->query("resourceVersionMatch").empty())
      return bad_watch("resourceVersionMatch is for lists, and for watches with sendInitialEvents");
    return Start{from_now ? std::nullopt : version, from_now, false};
  }
  if (call_->query("resourceVersionMatch") != "NotOlderThan") {
    return bad_watch("sendInitialEvents needs resourceVersionMatch=NotOlderThan");
  }
  if (!call_->flag("sendInitialEvents")) return Start{from_now ? std::nullopt : version, false, false};
  if (version && *version > api_.store.version()) {
    return Refusal{504,
                   "Timeout",
                   "Too large resource version: " + text,
                   {{"ResourceVersionTooLarge", "Too large resource version", ""}}};
  }
  return Start{std::nullopt, true, bookmarks_};
}

void WatchStream::start() {
  const auto read = read_start();
  if (const auto* refusal = std::get_if<Refusal>(&read)) return call_->refuse(*refusal);
  const Start start = std::get<Start>(read);
  const auto self = shared_from_this();
  api_.watches.insert(self);
  call_->responder()->begin(call_->stream_head());
  // A weak reference: the stream itself keeps what this callback is kept by.
  call_->responder()->on_gone([weak = weak_from_this()] {
    if (const auto open = weak.lock()) open->finish();
  });
  const auto list = find_objects(api_, call_->target);
  const uint64_t from = start.version.value_or(list.version);
  if (start.initial_events) {
    send_objects(list);
    if (start.tell_end_of_initial) send_bookmark(true);
  } else {
    classify_unchanged(from);
  }
  auto watch = api_.store.watch(call_->target.kind->type(), from,
                                [weak = weak_from_this()](const store::Event& event) {
                                  if (const auto open = weak.lock()) open->on_event(event);
                                });
  if (finished_) return;
  if (watch == nullptr) {
    send("ERROR", failure_status(too_old(), call_->target));
    return finish();
  }
  watch_ = std::move(watch);
  arm_end();
  if (bookmarks_) arm_bookmark();
}

void WatchStream::send_objects(const store::ObjectList& list) {
  for (const auto& object : list.objects) {
    const bool selected = selector_.matches(*object);
    if (!selector_.everything()) selected_[{object->key.ns, object->key.name}] = selected;
    if (selected) send("ADDED", in_form(*call_, *object, first_));
  }
}

/// Objects that have not changed since the watch's start: whether they were selected then is known.
void WatchStream::classify_unchanged(uint64_t since) {
  if (selector_.everything()) return;
  for (const auto& object : find_objects(api_, call_->target).objects) {
    if (object->version <= since) selected_[{object->key.ns, object->key.name}] = selector_.matches(*object);
  }
}

/// With a selector, an object that comes to be selected is told as added, and one that ceases to be as
/// deleted.
void WatchStream::on_event(const store::Event& event) {
  const store::Object& object = *event.object;
  const bool elsewhere = !call_->target.ns.empty() && object.key.ns != call_->target.ns;
  if (finished_ || elsewhere) return;
  if (!call_->target.name.empty() && object.key.name != call_->target.name) return;
  auto type = event.type;
  if (!selector_.everything()) {
    const bool selected = selector_.matches(object);
    const auto known = selected_.find({object.key.ns, object.key.name});
    const bool was_known = known != selected_.end(), was = was_known ? known->second : selected;
    if (type == store::EventType::kDeleted) {
      if (was_known) selected_.erase(known);
    } else {
      selected_[{object.key.ns, object.key.name}] = selected;
    }
    if (!selected && !was) return;
    if (type == store::EventType::kModified && selected != was) {
      type = selected ? store::EventType::kAdded : store::EventType::kDeleted;
    }
  }
  send(word(type), in_form(*call_, object, first_));
}

void WatchStream::send(const char* type, const json::object& object) {
  if (finished_) return;
  first_ = false;
  const json::object event{{"type", type}, {"object", object}};
  if (!call_->responder()->write(json::serialize(event) + '\n')) finish();
}

void WatchStream::send_bookmark(bool initial_events_end) {
  send("BOOKMARK", bookmark_in_form(*call_, api_.store.version(), initial_events_end));
}

void WatchStream::arm_end() {
  end_.expires_after(seconds(timeout_of(*call_)));
  end_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto open = weak.lock();
    if (!error && open != nullptr) open->finish();
  });
}

void WatchStream::arm_bookmark() {
  bookmark_.expires_after(kBookmarkInterval);
  bookmark_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto open = weak.lock();
    if (error || open == nullptr || open->finished_) return;
    open->send_bookmark(false);
    open->arm_bookmark();
  });
}

void WatchStream::finish() {
  if (std::exchange(finished_, true)) return;
  const auto self = shared_from_this();
  watch_.reset();
  end_.cancel();
  bookmark_.cancel();
  call_->responder()->end();
  api_.watches.erase(self);
}

void watch_objects(Api& api, const CallPtr& call) {
  auto selector = Selector::parse(call->query("labelSelector"), call->query("fieldSelector"));
  if (const auto* refusal = std::get_if<Refusal>(&selector)) return call->refuse(*refusal);
  std::make_shared<WatchStream>(api, call, std::get<Selector>(std::move(selector)))->start();
}

}  // namespace remora::kube

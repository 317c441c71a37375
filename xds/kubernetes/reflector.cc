#include "kubernetes/reflector.h"

#include <algorithm>
#include <utility>

#include "store/metadata.h"
#include "web/percent.h"

namespace remora::kubernetes {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Condition = KindState::Condition;

constexpr size_t kPage = 250;
constexpr size_t kLargestPage = 16'000;
constexpr std::chrono::seconds kGoodWatch{10};  // one that has lasted so long was no failure
constexpr size_t kMostUnreadable = 100;         // are told by name

}  // namespace

Reflector::Reflector(boost::asio::io_context& context, ApiClient& client, const ApiKind& kind, Timing timing,
                     ReflectorSink& sink)
    : timer_(context),
      deadline_(context),
      client_(client),
      timing_(timing),
      sink_(sink),
      page_size_(kPage),
      random_(std::random_device{}()) {
  state_.kind = &kind;
  state_.version = kind.versions.front();
  state_.since = std::chrono::system_clock::now();
}

void Reflector::stop() {
  call_.reset();
  timer_.cancel();
  deadline_.cancel();
}

// --- listing -----------------------------------------------------------------------------------------------

void Reflector::list() {
  pages_ = {};
  ++state_.lists;
  list_page("");
}

void Reflector::list_page(const std::string& continue_token) {
  ApiCall call;
  call.path = state_.kind->path(state_.version) + "?limit=" + std::to_string(page_size_);
  if (!continue_token.empty()) call.path += "&continue=" + web::percent_encode(continue_token);
  call_ = client_.call(std::move(call), [this](const Result<ApiAnswer>& answer) { on_page(answer); });
}

void Reflector::on_page(const Result<ApiAnswer>& answer) {
  if (!answer.ok()) {
    const bool too_large = answer.error().message.find(kAnswerTooLarge) != std::string::npos;
    if (too_large) page_size_ = std::max<size_t>(page_size_ / 4, 1);
    return failed(Condition::kUnreachable, answer.error().message);
  }
  if (!answer->ok()) {
    const Refusal refusal = read_refusal(answer->status, answer->body);
    // The pages have taken longer than the server remembers: next time there are fewer.
    if (refusal.code == 410) page_size_ = std::min(page_size_ * 4, kLargestPage);
    return refused(refusal);
  }
  auto page = read_list(*state_.kind, answer->body);
  if (!page.ok()) return failed(Condition::kUnreachable, page.error().message);
  // All pages are of the moment of the first.
  if (pages_.version == 0) pages_.version = page->version;
  std::move(page->objects.begin(), page->objects.end(), std::back_inserter(pages_.objects));
  std::move(page->unreadable.begin(), page->unreadable.end(), std::back_inserter(pages_.unreadable));
  if (!page->continue_token.empty()) return list_page(page->continue_token);
  page_size_ = kPage;
  at_ = pages_.version;
  state_.synced = true;
  state_.unreadable.clear();
  for (const Unreadable& fault : pages_.unreadable) {
    if (state_.unreadable.size() < kMostUnreadable) state_.unreadable[fault.key] = fault.why;
  }
  const ListPage all = std::exchange(pages_, {});
  sink_.on_list(*state_.kind, all.objects, all.unreadable, all.version);
  enter(Condition::kWatching, "");
  watch();
}

// --- watching ----------------------------------------------------------------------------------------------

void Reflector::watch() {
  if (at_ == 0) return list();
  ++state_.watches;
  watch_began_ = steady_clock::now();
  const auto asked = timing_.watch + std::chrono::seconds(random_() % (timing_.watch.count() + 1));
  const std::string path = state_.kind->path(state_.version) +
                           "?watch=1&allowWatchBookmarks=true&resourceVersion=" + std::to_string(at_) +
                           "&timeoutSeconds=" + std::to_string(asked.count());
  call_ = client_.stream(
      path, [this](std::string_view line) { on_line(line); },
      [this](const Result<ApiAnswer>& answer) { on_watch_end(answer); });
  // The server ends it in time. If not, it is not there any more, whatever the connection looks like.
  deadline_.expires_after(asked + timing_.grace);
  deadline_.async_wait(
      [weak = weak_from_this(), number = state_.watches](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (error || self == nullptr || self->state_.watches != number) return;
        if (self->call_.use_count() == 0) return;  // over; a handle need not point to anything
        self->failed(Condition::kUnreachable, "the watch is dead: the server has not ended it in time");
      });
}

void Reflector::on_line(std::string_view line) {
  if (line.empty()) return enter(Condition::kWatching, "");
  const auto event = read_watch_event(line);
  if (!event.ok()) {
    at_ = 0;  // whatever it was that cannot be understood is in a list as well
    return failed(Condition::kUnreachable, event.error().message);
  }
  ++state_.events;
  take(*event);
}

void Reflector::take(const WatchEvent& event) {
  if (event.type == WatchEvent::Type::kError) {
    const Refusal refusal = read_refusal(500, event.object);
    return refused(refusal);
  }
  // A bookmark is an object with nothing but a version.
  if (event.type == WatchEvent::Type::kBookmark) {
    at_ = std::max(at_, version_of_text(event.object));
    failures_ = 0;
    return;
  }
  const uint64_t version = version_of_text(event.object);
  ObjectText read = read_object(*state_.kind, event.object);
  at_ = std::max(at_, version);
  if (event.type == WatchEvent::Type::kDeleted) {
    const store::ObjectKey& key = read.object != nullptr ? read.object->key : read.fault.key;
    state_.unreadable.erase(key);
    const std::string uid = read.object == nullptr ? "" : store::metadata_text(read.object->body, "uid");
    return sink_.on_removed(key, version, uid);
  }
  if (read.object != nullptr) {
    if (state_.unreadable.erase(read.object->key) > 0) sink_.on_state(state_);
    return sink_.on_object(read.object);
  }
  const bool room = state_.unreadable.size() < kMostUnreadable || state_.unreadable.contains(read.fault.key);
  if (room) state_.unreadable[read.fault.key] = read.fault.why;
  sink_.on_state(state_);
}

void Reflector::on_watch_end(const Result<ApiAnswer>& answer) {
  deadline_.cancel();
  call_.reset();
  if (steady_clock::now() - watch_began_ >= kGoodWatch) failures_ = 0;
  if (!answer.ok()) return failed(Condition::kUnreachable, answer.error().message);
  if (!answer->ok()) return refused(read_refusal(answer->status, answer->body));
  // Its time was over, or the server is going. Not at once: a server that ends every watch would be asked for
  // ever.
  again_later(failures_ == 0 ? milliseconds(random_() % 100) : next_delay(), &Reflector::watch);
  ++failures_;
}

// --- what goes wrong ---------------------------------------------------------------------------------------

void Reflector::refused(const Refusal& refusal) {
  if (refusal.code == 410) return relist();
  if (refusal.code == 401 || refusal.code == 403) return failed(Condition::kForbidden, refusal.message);
  if (refusal.code != 404) {
    // Whatever it dislikes about where we want to go on, it cannot dislike about a list.
    if (refusal.code != 429 && refusal.code != 503) at_ = 0;
    return failed(Condition::kUnreachable, refusal.message);
  }
  at_ = 0;
  if (++version_index_ < state_.kind->versions.size()) {
    state_.version = state_.kind->versions[version_index_];
    return list();
  }
  version_index_ = 0;
  state_.version = state_.kind->versions.front();
  failed(Condition::kAbsent,
         state_.kind->custom
             ? "the API server does not know the kind: its CustomResourceDefinition is missing"
             : "the API server does not know the kind: " + refusal.message);
}

/// The server has forgotten our place. What is served meanwhile stays as it is.
void Reflector::relist() {
  at_ = 0;
  call_.reset();
  deadline_.cancel();
  again_later(failures_ == 0 ? milliseconds(0) : next_delay(), &Reflector::watch);
  ++failures_;
}

void Reflector::failed(Condition condition, const std::string& message) {
  call_.reset();
  deadline_.cancel();
  enter(condition, message);
  // What is missing or forbidden will not be there in a moment.
  const bool patient = condition == Condition::kAbsent || condition == Condition::kForbidden;
  again_later(patient ? std::max(next_delay(), timing_.longest_delay / 2) : next_delay(), &Reflector::watch);
  ++failures_;
}

void Reflector::again_later(milliseconds delay, void (Reflector::*what)()) {
  timer_.expires_after(delay);
  timer_.async_wait([weak = weak_from_this(), what](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self != nullptr) ((*self).*what)();
  });
}

/// Between half of the limit and all of it; the limit doubles.
milliseconds Reflector::next_delay() {
  const auto limit = std::min(timing_.longest_delay, timing_.first_delay * (1U << std::min(failures_, 10U)));
  const auto half = limit.count() / 2;
  return milliseconds(half + static_cast<int64_t>(random_() % (half + 1)));
}

void Reflector::enter(Condition condition, const std::string& message) {
  if (condition == Condition::kWatching) failures_ = std::min(failures_, 1U);
  if (state_.condition == condition && state_.message == message) return;
  if (state_.condition != condition) state_.since = std::chrono::system_clock::now();
  state_.condition = condition;
  state_.message = message;
  sink_.on_state(state_);
}

}  // namespace remora::kubernetes

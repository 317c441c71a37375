#include "net/reactor.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace remora {
namespace {

// Without an epoll or event descriptor a worker cannot exist: there is nobody to report to yet.
int require(int fd, const char* what) {
  if (fd >= 0) return fd;
  std::perror(what);
  std::abort();
}

}  // namespace

Reactor::Reactor()
    : epoll_fd_(require(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_fd_(require(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")),
      timers_(clock_.now()),
      scratch_(new char[kScratchBytes]) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = nullptr;
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event);
}

Reactor::~Reactor() {
  disposed_.clear();
  close(wake_fd_);
  close(epoll_fd_);
}

void Reactor::add(int fd, EventHandler& handler) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &handler;
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event);
}

void Reactor::add_level(int fd, EventHandler& handler) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &handler;
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event);
}

void Reactor::remove(int fd) { epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr); }

void Reactor::post(std::function<void()> task) {
  bool wake = false;
  {
    const std::lock_guard lock(mailbox_mutex_);
    wake = mailbox_.empty();
    mailbox_.push_back(std::move(task));
  }
  if (!wake) return;
  const uint64_t one = 1;
  [[maybe_unused]] const auto written = write(wake_fd_, &one, sizeof(one));
}

void Reactor::forget(TurnEndHandler& handler) {
  std::erase(turn_end_, &handler);
  std::replace(turn_end_now_.begin(), turn_end_now_.end(), &handler, static_cast<TurnEndHandler*>(nullptr));
}

void Reactor::forget(EventHandler& handler) {
  std::erase(again_, &handler);
  std::replace(again_now_.begin(), again_now_.end(), &handler, static_cast<EventHandler*>(nullptr));
}

void Reactor::run() {
  while (running_) turn(-1);
}

int Reactor::wait_ms() const {
  const bool work_waits = !again_.empty() || !turn_end_.empty() || !disposed_.empty();
  return work_waits ? 0 : timers_.sleep_ms(clock_.now());
}

void Reactor::turn(int max_wait_ms) {
  int wait = wait_ms();
  if (max_wait_ms >= 0 && (wait < 0 || wait > max_wait_ms)) wait = max_wait_ms;
  const int count = epoll_wait(epoll_fd_, events_.data(), static_cast<int>(events_.size()), wait);
  clock_.refresh();
  bool woken = false;
  for (int i = 0; i < count; ++i) {
    auto* handler = static_cast<EventHandler*>(events_[static_cast<size_t>(i)].data.ptr);
    if (handler == nullptr) {
      woken = true;
    } else {
      handler->on_events(events_[static_cast<size_t>(i)].events);
    }
  }
  again_now_.swap(again_);
  for (size_t i = 0; i < again_now_.size(); ++i) {
    if (again_now_[i] != nullptr) again_now_[i]->on_events(EPOLLIN);
  }
  again_now_.clear();
  timers_.advance(clock_.now());
  if (woken) drain_mailbox();
  end_turn();
}

void Reactor::drain_mailbox() {
  uint64_t count = 0;
  [[maybe_unused]] const auto got = read(wake_fd_, &count, sizeof(count));
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mailbox_mutex_);
    tasks.swap(mailbox_);
  }
  for (auto& task : tasks) task();
}

void Reactor::end_turn() {
  // Flushing may open a window, which reads, which produces more to flush: go on until it is quiet.
  while (!turn_end_.empty()) {
    turn_end_now_.swap(turn_end_);
    for (size_t i = 0; i < turn_end_now_.size(); ++i) {
      if (turn_end_now_[i] != nullptr) turn_end_now_[i]->on_turn_end();
    }
    turn_end_now_.clear();
  }
  // A destructor may dispose of something else.
  while (!disposed_.empty()) {
    auto gone = std::move(disposed_);
    disposed_.clear();
    gone.clear();
  }
}

}  // namespace remora

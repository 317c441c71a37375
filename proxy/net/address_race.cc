#include "net/address_race.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace remora {
namespace {

/// RFC 8305 allows 100 ms to 2 s; this is Envoy's.
constexpr Milliseconds kBetweenAttempts{300};

int error_of(int fd) {
  int error = 0;
  socklen_t length = sizeof(error);
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

int first_family(const std::vector<Address>& addresses, HappyEyeballs::First first) {
  switch (first) {
    case HappyEyeballs::First::kV4: return AF_INET;
    case HappyEyeballs::First::kV6: return AF_INET6;
    case HappyEyeballs::First::kDefault: break;
  }
  return addresses.front().family();
}

}  // namespace

std::vector<Address> attempt_order(const Address& address, std::span<const Address> additional,
                                   const HappyEyeballs& rule) {
  std::vector<Address> all{address};
  all.insert(all.end(), additional.begin(), additional.end());
  const int family = first_family(all, rule.first);
  std::vector<Address> first;
  std::vector<Address> other;
  for (Address& each : all) (each.family() == family ? first : other).push_back(std::move(each));
  std::vector<Address> order;
  for (size_t i = 0, j = 0; i < first.size() || j < other.size();) {
    for (uint32_t count = 0; count < rule.first_count && i < first.size(); ++count)
      order.push_back(first[i++]);
    if (j < other.size()) order.push_back(other[j++]);
  }
  return order;
}

/// One socket. Stays when it is closed: an event of this turn may still name it.
class AddressRace::Attempt final : private EventHandler {
 public:
  Attempt(AddressRace& race, int fd) : race_(race), fd_(fd) { race_.reactor_.add(fd_, *this); }
  ~Attempt() { close(); }
  [[nodiscard]] bool open() const { return fd_ >= 0; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int let_go() {
    race_.reactor_.remove(fd_);
    return std::exchange(fd_, -1);
  }

 private:
  void on_events(uint32_t events) override {
    if (fd_ < 0 || (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
    race_.on_attempt(*this, error_of(fd_));
  }

  AddressRace& race_;
  int fd_;
};

AddressRace::AddressRace(Reactor& reactor, std::vector<Address> addresses, Dial dial, Result result)
    : reactor_(reactor),
      addresses_(std::move(addresses)),
      dial_(std::move(dial)),
      result_(std::move(result)),
      timer_(timer_calls<&AddressRace::on_time>, this) {}

AddressRace::~AddressRace() = default;

void AddressRace::stop() {
  timer_.cancel();
  next_ = addresses_.size();
  for (auto& attempt : attempts_) attempt->close();
}

size_t AddressRace::under_way() const {
  return static_cast<size_t>(std::ranges::count_if(attempts_, [](const auto& each) { return each->open(); }));
}

void AddressRace::try_next() {
  timer_.cancel();
  if (next_ == addresses_.size()) {
    // All have failed before they could begin: told in a turn of its own.
    if (under_way() == 0) result_.lost(error_, why_);
    return;
  }
  auto dialled = dial_(addresses_[next_++]);
  if (dialled.fd < 0) {
    error_ = 0;
    why_ = std::move(dialled.failure);
    reactor_.arm(timer_, Milliseconds(0));
    return;
  }
  attempts_.push_back(std::make_unique<Attempt>(*this, dialled.fd));
  if (next_ < addresses_.size()) reactor_.arm(timer_, kBetweenAttempts);
}

void AddressRace::on_attempt(Attempt& attempt, int error) {
  if (error == 0) {
    const int fd = attempt.let_go();
    stop();
    result_.won(fd);
    return;
  }
  attempt.close();
  error_ = error;
  why_.clear();
  if (next_ < addresses_.size()) return try_next();
  // A timer that stands still has a failure to tell by itself.
  if (under_way() == 0 && !timer_.armed()) result_.lost(error_, why_);
}

}  // namespace remora

// Requests that come when they come: an open loop of GETs at a mean rate, at random times (Poisson), whatever
// has become of those before. A response's time counts from the moment its request was due, so neither a slow
// answer nor a slow generator hides what a user would have waited.
//
//   open_loop PORT PATH RATE WARMUP_SECONDS SECONDS
//
// Prints one line of JSON: requests, errors (any status but 200, a lost connection, no answer within 10 s),
// their percentiles in microseconds, and how late requests left.

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "balance/timers.h"

namespace remora::bench {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);

struct Connection {
  int socket;
  bool busy = false;
  Clock::time_point due{};  // of the request under way
  bool measured = false;
  std::string response{};
  std::string unsent{};
};

struct Results {
  std::vector<double> times;  // microseconds, of every request, failed or not
  std::vector<double> lateness;
  std::uint64_t errors = 0;
};

double quantile(std::vector<double>& values, double part) {
  if (values.empty()) return 0;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

class Load {
 public:
  Load(std::uint16_t port, std::string_view path, std::uint32_t rate)
      : port_(port),
        request_("GET " + std::string(path) +
                 " HTTP/1.1\r\nhost: bench\r\nuser-agent: remora-bench/1.0\r\naccept: */*\r\n\r\n"),
        mean_(1e6 / rate),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) die("epoll_create1");
  }

  Results run(std::uint32_t warmup, std::uint32_t seconds) {
    const auto start = Clock::now();
    const auto measured_from = start + std::chrono::seconds(warmup);
    const auto end = measured_from + std::chrono::seconds(seconds);
    auto next = start;
    while (next < end || (outstanding_ > 0 && Clock::now() < end + kPatience)) {
      for (auto now = Clock::now(); next <= now && next < end; next += times_.next(mean_))
        begin(next, next >= measured_from);
      turn(next < end ? next : Clock::now() + std::chrono::milliseconds(10));
    }
    for (; outstanding_ > 0; --outstanding_) unanswered();
    return std::move(results_);
  }

 private:
  /// What has no answer counts as the longest that anybody waits, however soon that was clear.
  void unanswered() {
    ++results_.errors;
    results_.times.push_back(Microseconds(kPatience).count());
  }

  void begin(Clock::time_point due, bool measured) {
    if (measured) results_.lateness.push_back(Microseconds(Clock::now() - due).count());
    Connection* connection = idle();
    if (connection == nullptr) {
      if (measured) unanswered();
      return;
    }
    connection->busy = true;
    connection->due = due;
    connection->measured = measured;
    connection->unsent = request_;
    if (measured) ++outstanding_;
    flush(*connection);
  }

  Connection* idle() {
    if (!idle_.empty()) {
      Connection* last = idle_.back();
      idle_.pop_back();
      return last;
    }
    const int socket = connect_to_loopback(port_);
    if (socket < 0) return nullptr;
    auto* connection = new Connection{socket};  // owned by its epoll registration; lost() takes it back
    watch(epoll_, socket, connection);
    return connection;
  }

  void turn(Clock::time_point until) {
    std::array<epoll_event, kEventBatch> events;
    const int count = wait_until(epoll_, events.data(), until);
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      auto& connection = *static_cast<Connection*>(event.data.ptr);
      if ((event.events & EPOLLOUT) != 0) flush(connection);
      if ((event.events & ~EPOLLOUT) != 0) receive(connection);
    }
  }

  static void flush(Connection& connection) {
    if (connection.unsent.empty()) return;
    const auto sent =
        ::send(connection.socket, connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
    if (sent > 0) connection.unsent.erase(0, static_cast<std::size_t>(sent));
  }

  void receive(Connection& connection) {
    for (;;) {
      const auto got = ::recv(connection.socket, buffer_.data(), buffer_.size(), 0);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (got <= 0) return lost(connection);
      connection.response.append(buffer_.data(), static_cast<std::size_t>(got));
      if (connection.busy && is_whole(connection.response)) done(connection);
    }
  }

  static bool is_whole(const std::string& response) {
    const auto head = response.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    std::string lower = response.substr(0, head);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    const auto length = lower.find("\r\ncontent-length: ");
    const auto body =
        length == std::string::npos ? 0 : std::strtoul(lower.c_str() + length + 18, nullptr, 10);
    return response.size() >= head + 4 + body;
  }

  void done(Connection& connection) {
    if (connection.measured) {
      --outstanding_;
      results_.times.push_back(Microseconds(Clock::now() - connection.due).count());
      if (connection.response.compare(9, 3, "200") != 0) ++results_.errors;
    }
    connection.response.clear();
    connection.busy = false;
    idle_.push_back(&connection);
  }

  void lost(Connection& connection) {
    if (connection.busy && connection.measured) {
      --outstanding_;
      unanswered();
    }
    std::erase(idle_, &connection);
    ::close(connection.socket);
    delete &connection;
  }

  const std::uint16_t port_;
  const std::string request_;
  const Microseconds mean_;
  const int epoll_;
  std::vector<Connection*> idle_;
  std::uint64_t outstanding_ = 0;
  Results results_;
  ExponentialTimes times_{2};
  std::array<char, 16384> buffer_;
};

}  // namespace
}  // namespace remora::bench

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: %s PORT PATH RATE WARMUP_SECONDS SECONDS\n", argv[0]);
    return 2;
  }
  using remora::bench::number_argument;
  using remora::bench::quantile;
  remora::bench::allow_many_sockets();
  remora::bench::Load load(static_cast<std::uint16_t>(number_argument(argv[1], 65535)), argv[2],
                           std::max(1U, number_argument(argv[3], 1'000'000)));
  auto results = load.run(number_argument(argv[4], 3600), number_argument(argv[5], 3600));
  std::printf(
      "{\"requests\": %zu, \"errors\": %llu, \"p50_us\": %.0f, \"p90_us\": %.0f, \"p99_us\": %.0f, "
      "\"p999_us\": %.0f, \"late_p99_us\": %.0f}\n",
      results.lateness.size(), static_cast<unsigned long long>(results.errors), quantile(results.times, 0.5),
      quantile(results.times, 0.9), quantile(results.times, 0.99), quantile(results.times, 0.999),
      quantile(results.lateness, 0.99));
}

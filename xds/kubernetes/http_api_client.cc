#include "kubernetes/http_api_client.h"

#include <boost/asio/post.hpp>
#include <deque>
#include <set>

#include "kubernetes/credentials.h"
#include "web/client_connection.h"
#include "web/url.h"

namespace remora::kubernetes {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr size_t kMostConnections = 16;
constexpr size_t kMostWaiting = 8192;
constexpr size_t kAnswerLimit = 64 * 1024 * 1024;
constexpr size_t kLineLimit = 16 * 1024 * 1024;
constexpr size_t kRefusalLimit = 1024 * 1024;
constexpr std::chrono::seconds kCallLimit{60};
constexpr std::chrono::seconds kStreamBeginLimit{30};

std::string too_large(size_t limit) {
  return std::string(kAnswerTooLarge) + ' ' + std::to_string(limit) + " bytes";
}

/// One call or stream, from its beginning to its end.
struct Job {
  ApiCall call;
  ApiClient::OnLine on_line;  ///< of a stream
  ApiClient::Answered done;   ///< null once it is over
  std::shared_ptr<web::ClientConnection> connection;
  ApiAnswer answer;
  std::string line;  ///< of a stream: the beginning of the next one
  bool tried = false;

  bool is_stream() const { return on_line != nullptr; }
};
using JobPtr = std::shared_ptr<Job>;

/// Hands over whole lines. False where one is too long.
bool take_lines(Job& job, std::string_view data) {
  while (job.done && !data.empty()) {
    const size_t end = data.find('\n');
    if (job.line.size() + std::min(end, data.size()) > kLineLimit) return false;
    if (end == std::string_view::npos) {
      job.line += data;
      return true;
    }
    const std::string_view rest = data.substr(end + 1);
    if (job.line.empty()) {
      job.on_line(data.substr(0, end));
    } else {
      job.line += data.substr(0, end);
      const std::string line = std::move(job.line);
      job.line.clear();
      job.on_line(line);
    }
    data = rest;
  }
  return true;
}

class Pool : public std::enable_shared_from_this<Pool> {
 public:
  Pool(asio::io_context& context, Access access, web::Url url)
      : context_(context),
        credentials_(std::move(access)),
        url_(std::move(url)),
        base_(url_.target.ends_with('/') ? url_.target.substr(0, url_.target.size() - 1) : url_.target) {}

  std::shared_ptr<void> add(ApiCall call, ApiClient::OnLine on_line, ApiClient::Answered done) {
    auto job = std::make_shared<Job>();
    job->call = std::move(call);
    job->on_line = std::move(on_line);
    job->done = std::move(done);
    if (job->is_stream()) {
      run(job);
    } else if (waiting_.size() >= kMostWaiting) {
      fail_later(job, "too many calls wait for an answer already");
    } else {
      waiting_.push_back(job);
      serve_waiting();
    }
    // Not null: who keeps it asks it whether a call is under way.
    return {job.get(), [weak = weak_from_this(), job](void*) {
              if (const auto self = weak.lock()) self->give_up(job);
            }};
  }

  void close() {
    for (const JobPtr& job : std::set<JobPtr>(std::move(running_))) {
      job->done = nullptr;
      close_connection(*job);
    }
    running_.clear();
    waiting_.clear();
    for (const auto& connection : idle_) connection->close();
    idle_.clear();
  }

 private:
  /// The connection's exchange holds the job, so the job must let go of it.
  static void close_connection(Job& job) {
    if (const auto connection = std::exchange(job.connection, nullptr)) connection->close();
  }

  void give_up(const JobPtr& job) {
    if (!job->done) return;
    job->done = nullptr;
    close_connection(*job);
    ended(job);
  }

  void serve_waiting() {
    while (!waiting_.empty() && calls_ < kMostConnections) {
      const JobPtr job = std::move(waiting_.front());
      waiting_.pop_front();
      if (job->done) run(job);
    }
  }

  void run(const JobPtr& job) {
    web::Peer peer{url_.host, url_.port, name_of_server(), credentials_.access().verify, nullptr, ""};
    if (url_.tls) {
      auto tls = credentials_.tls();
      if (!tls.ok()) return fail_later(job, tls.error().message);
      peer.tls = std::move(*tls);
    }
    auto authorization = credentials_.authorization();
    if (!authorization.ok()) return fail_later(job, authorization.error().message);
    running_.insert(job);
    if (!job->is_stream()) ++calls_;
    job->connection = job->is_stream() || job->tried ? nullptr : take_idle(peer);
    if (job->connection == nullptr) job->connection = web::make_client_connection(context_, std::move(peer));
    job->connection->start(request_of(*job, *authorization), exchange_of(job));
  }

  web::Request request_of(const Job& job, const std::string& authorization) const {
    web::Request request;
    request.method = http::string_to_verb(job.call.method);
    request.target = base_ + job.call.path;
    request.headers.set(http::field::host, url_.authority);
    request.headers.set(http::field::user_agent, "remora-control");
    request.headers.set(http::field::accept, "application/json");
    if (!authorization.empty()) request.headers.set(http::field::authorization, authorization);
    if (!job.call.body.empty()) request.headers.set(http::field::content_type, job.call.content_type);
    request.body = job.call.body;
    return request;
  }

  web::Exchange exchange_of(const JobPtr& job) {
    web::Exchange exchange;
    exchange.endless = job->is_stream();
    exchange.limit = job->is_stream() ? kStreamBeginLimit : kCallLimit;
    exchange.on_head = [job](const web::Response& head) {
      job->answer.status = head.status;
      if (job->is_stream() && job->answer.ok()) job->on_line("");
    };
    exchange.on_data = [job](std::string_view data, std::string& why) {
      const bool lines = job->is_stream() && job->answer.ok();
      const size_t limit = lines ? kLineLimit : job->is_stream() ? kRefusalLimit : kAnswerLimit;
      why = lines ? "a line is longer than " + std::to_string(limit) + " bytes" : too_large(limit);
      if (lines) return take_lines(*job, data);
      if (job->answer.body.size() + data.size() > limit) return false;
      job->answer.body += data;
      return true;
    };
    exchange.done = [weak = weak_from_this(), job](const Result<void>& result, bool lost) {
      if (const auto self = weak.lock()) self->on_done(job, result, lost);
    };
    return exchange;
  }

  void on_done(const JobPtr& job, const Result<void>& result, bool lost) {
    const auto connection = std::move(job->connection);
    const bool again = !result.ok() && lost && connection->used() && job->call.method == "GET" && job->done;
    if (!job->is_stream() && connection->reusable()) idle_.push_back(connection);
    ended(job);
    // The server closed a connection that had rested as we took it up: that says nothing about the call.
    if (again && !job->tried) {
      job->tried = true;
      return run(job);
    }
    const auto done = std::move(job->done);
    job->done = nullptr;
    if (!done) return;
    if (result.ok()) return done(std::move(job->answer));
    done(Error{describe(*job) + ": " + result.error().message});
  }

  void ended(const JobPtr& job) {
    if (running_.erase(job) == 0) return;
    if (job->is_stream()) return;
    --calls_;
    if (waiting_.empty()) return;
    asio::post(context_, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->serve_waiting();
    });
  }

  std::shared_ptr<web::ClientConnection> take_idle(const web::Peer& peer) {
    while (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      if (connection->peer().tls == peer.tls && connection->reusable()) return connection;
      connection->close();
    }
    return nullptr;
  }

  void fail_later(const JobPtr& job, const std::string& why) {
    asio::post(context_, [job, why = describe(*job) + ": " + why] {
      const auto done = std::move(job->done);
      job->done = nullptr;
      if (done) done(Error{why});
    });
  }

  std::string name_of_server() const {
    const std::string& name = credentials_.access().server_name;
    return name.empty() ? url_.host : name;
  }

  std::string describe(const Job& job) const {
    return job.call.method + ' ' + credentials_.access().server + job.call.path.substr(0, 200);
  }

  asio::io_context& context_;
  Credentials credentials_;
  const web::Url url_;
  const std::string base_;  ///< what the server's URL puts in front of every path
  std::deque<JobPtr> waiting_;
  std::set<JobPtr> running_;
  std::vector<std::shared_ptr<web::ClientConnection>> idle_;
  size_t calls_ = 0;  ///< under way
};

class HttpApiClient final : public ApiClient {
 public:
  explicit HttpApiClient(std::shared_ptr<Pool> pool) : pool_(std::move(pool)) {}
  ~HttpApiClient() override { pool_->close(); }
  HttpApiClient(const HttpApiClient&) = delete;
  HttpApiClient& operator=(const HttpApiClient&) = delete;

  std::shared_ptr<void> call(ApiCall call, Answered done) override {
    return pool_->add(std::move(call), nullptr, std::move(done));
  }
  std::shared_ptr<void> stream(std::string path, OnLine on_line, Answered ended) override {
    ApiCall call;
    call.path = std::move(path);
    return pool_->add(std::move(call), std::move(on_line), std::move(ended));
  }

 private:
  std::shared_ptr<Pool> pool_;
};

}  // namespace

Result<std::unique_ptr<ApiClient>> make_api_client(asio::io_context& context, Access access) {
  auto url = web::parse_url(access.server);
  if (!url.ok()) return Error{url.error()};
  return std::unique_ptr<ApiClient>(
      std::make_unique<HttpApiClient>(std::make_shared<Pool>(context, std::move(access), std::move(*url))));
}

}  // namespace remora::kubernetes

#include "admin/admin_server.h"

#include <list>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "admin/admin_view.h"
#include "admin/application.h"
#include "admin/http_session.h"
#include "admin/listen_socket.h"
#include "remora/core/stats.h"

namespace remora {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
using admin::Awaitable;
using admin::Executor;
using admin::HttpSession;
using Acceptor = asio::basic_socket_acceptor<admin::SocketProtocol, Executor>;
using SteadyClock = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<SteadyClock, asio::wait_traits<SteadyClock>, Executor>;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable_t<Executor>());

constexpr size_t kMaxConnections = 16;
constexpr std::chrono::milliseconds kAcceptPause{100};

// The statistics of the admin's own listener, a few of Envoy's.
enum Stat : size_t { kCxTotal, kCxActive, kCxDestroy, kCxOverflow, kStats };
constexpr StatDef kSchema[kStats] = {
    {.name = "downstream_cx_total"},
    {.name = "downstream_cx_active", .kind = StatKind::kGauge},
    {.name = "downstream_cx_destroy"},
    {.name = "downstream_cx_overflow"},  // turned away: all connections were busy
};

}  // namespace

struct AdminServer::State {
  State(asio::io_context& context, AdminSources all, Address where)
      : io(context),
        sources(std::move(all)),
        application(context),
        address(std::move(where)),
        acceptor(context),
        scope(sources.stats.make_scope(
            kSchema,
            {.prefix = "listener.admin.", .prometheus_prefix = "envoy_listener_admin_", .tags = {}})),
        stats(scope->block(0)) {
    sources.application = &application;
  }

  asio::io_context& io;
  AdminSources sources;
  admin::Application application;
  Address address;
  Acceptor acceptor;
  std::shared_ptr<StatScope> scope;
  StatBlock& stats;
  std::list<std::shared_ptr<HttpSession>> sessions;  // oldest first
  bool stopped = false;
};

namespace {

using State = AdminServer::State;
using StatePtr = std::shared_ptr<State>;

// Its coroutine ends in one of the next turns.
void close(HttpSession& session) {
  session.stopped = true;
  ErrorCode ignored;
  session.stream.socket().shutdown(asio::socket_base::shutdown_both, ignored);
  session.stream.close();
}

Awaitable<void> serve(StatePtr state, std::shared_ptr<HttpSession> session) {
  co_await admin::serve_requests(*session, state->sources);
  close(*session);
  state->sessions.remove(session);
  state->stats.sub(kCxActive);
  state->stats.add(kCxDestroy);
}

// Room for one more: closes the idle connection that is with us longest. False: all are busy.
bool make_room(State& state) {
  if (state.sessions.size() < kMaxConnections) return true;
  for (auto at = state.sessions.begin(); at != state.sessions.end(); ++at) {
    if (!(*at)->idle) continue;
    close(**at);
    state.sessions.erase(at);
    return true;
  }
  return false;
}

Awaitable<void> accept_connections(StatePtr state) {
  Timer pause(state->io);
  while (!state->stopped) {
    auto [error, socket] = co_await state->acceptor.async_accept(kAsTuple);
    if (state->stopped) co_return;
    if (error || !make_room(*state)) {
      // No descriptor left, or sixteen busy clients: wait a little instead of spinning. A client turned away
      // here sees its connection closed.
      if (!error) state->stats.add(kCxOverflow);
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(kAsTuple);
      continue;
    }
    state->stats.add(kCxTotal);
    state->stats.add(kCxActive);
    auto session = std::make_shared<HttpSession>(std::move(socket));
    state->sessions.push_back(session);
    asio::co_spawn(state->io.get_executor(), serve(state, std::move(session)), asio::detached);
  }
}

}  // namespace

AdminServer::AdminServer(asio::io_context& io, AdminSources sources, Address address)
    : state_(std::make_shared<State>(io, std::move(sources), std::move(address))) {}

AdminServer::~AdminServer() { stop(); }

Result<Address> AdminServer::start() {
  Result<admin::ListenSocket> listening = admin::open_listen_socket(state_->address);
  if (!listening) return std::move(listening).error();
  state_->acceptor.assign(admin::SocketProtocol(state_->address.family(), 0), listening->fd);
  asio::co_spawn(state_->io.get_executor(), accept_connections(state_), asio::detached);
  return listening->bound;
}

void AdminServer::stop() {
  if (state_->stopped) return;
  state_->stopped = true;
  ErrorCode ignored;
  state_->acceptor.close(ignored);
  for (const auto& session : state_->sessions) close(*session);
}

}  // namespace remora

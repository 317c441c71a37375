#include "server.h"

#include <malloc.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>

#include <atomic>
#include <csignal>
#include <fstream>

#include "access_log_writer.h"
#include "admin/admin_server.h"
#include "admin/admin_view.h"
#include "admin/process_memory.h"
#include "admin/server_stats.h"
#include "draining.h"
#include "explain/explain.h"
#include "listener/listener_manager.h"
#include "log.h"
#include "options.h"
#include "overload/overload_manager.h"
#include "tls/tls_contexts.h"
#include "upstream/cluster_manager.h"
#include "watchdog/watchdogs.h"
#include "worker.h"

namespace remora {
namespace {

using boost::system::error_code;

bool is_empty(const WorkerBatch& batch) {
  return batch.clusters.empty() && batch.hosts.empty() && batch.routes.empty() && batch.listeners.empty() &&
         batch.removed_clusters.empty() && batch.removed_routes.empty() && batch.removed_listeners.empty() &&
         batch.settled.empty();
}

/// A heap that has so much to spare after the first configuration gives it back.
constexpr uint64_t kMuchFree = 1 << 20;

}  // namespace

class Server::State final : public ConfigSink, public AdminView {
 public:
  State(const Options& options, StatsStore& stats, LoadedBootstrap loaded);
  ~State() override;

  int run();

 private:
  // Configuration (ConfigSink, any thread).
  void apply(ConfigBatch batch) override;
  void initial_fetch_done() override;
  bool apply_now(ConfigBatch batch);
  void open_listeners_if_due();
  void open_listeners();
  void send(std::vector<WorkerBatch> batches);

  // Admin (AdminView, main thread).
  void each_cluster(const std::function<void(const AdminCluster&)>& visit) override {
    clusters_.each_cluster(visit);
  }
  std::vector<AdminListener> listeners() override;
  AdminServerInfo server_info() override;
  void each_tls_context(const std::function<void(const CertificateSet&)>& visit) override {
    tls_.each_context(visit);
  }
  std::vector<UnreadyTargets> unready_targets() override;
  const std::map<std::string, std::string>& runtime() override { return loaded_.bootstrap.runtime; }
  Result<std::string> explain(std::string_view question) override;
  void refresh_stats() override;
  std::vector<std::pair<std::string, std::string>> log_levels() override { return remora::log_levels(); }
  Result<void> set_log_level(std::string_view component, std::string_view level) override {
    return remora::set_log_level(component, level);
  }
  void reopen_logs() override;
  void set_health_check_failed(bool failed) override { draining_.set_health_check_failed(failed); }
  void drain_listeners(const DrainRequest& request) override { draining_.drain_listeners(request); }
  void drain_inbound() override { draining_.drain_inbound(); }
  void quit() override;

  bool start_admin();
  void guard_against_overload();
  void start_overload_manager();
  void await_signal();
  [[nodiscard]] ServerState state() const;

  const Options& options_;
  StatsStore& stats_;
  LoadedBootstrap loaded_;
  boost::asio::io_context io_;
  boost::asio::signal_set signals_;
  AccessLogWriter logs_;
  TlsContexts tls_;
  std::atomic<uint64_t> demands_{0};  // that the workers have made
  ClusterManager clusters_;
  ListenerManager listener_manager_;
  std::map<std::string, std::shared_ptr<const RouteTable>> routes_;  // as the workers have them
  std::shared_ptr<StatScope> server_scope_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Watchdogs> watchdogs_;  // null: before anybody serves
  Draining draining_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<OverloadManager> overload_;  // null: nothing is watched
  std::vector<std::shared_ptr<const ListenerConfig>>
      waiting_listeners_;  // until the first configuration is complete
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  bool pre_initializing_ = true;
  bool configured_ = false;  // the first configuration is complete
  bool initialized_ = false;
  int exit_code_ = 0;
};

Server::Server(const Options& options, StatsStore& stats, LoadedBootstrap loaded)
    : state_(std::make_unique<State>(options, stats, std::move(loaded))) {}
Server::~Server() = default;
int Server::run() { return state_->run(); }

Server::State::State(const Options& options, StatsStore& stats, LoadedBootstrap loaded)
    : options_(options),
      stats_(stats),
      loaded_(std::move(loaded)),
      signals_(io_, SIGTERM, SIGINT),
      tls_(stats),
      clusters_(
          io_, stats,
          [this](const std::string& cluster, std::shared_ptr<const HostSet> hosts) {
            std::vector<WorkerBatch> batches(workers_.size());
            for (auto& batch : batches) batch.hosts.emplace_back(cluster, hosts);
            send(std::move(batches));
          },
          [this](auto config, auto owner, auto where) {
            return tls_.client(std::move(config), std::move(owner), std::move(where));
          }),
      listener_manager_(stats, logs_, stats.shards() - 1,
                        [this](auto config, auto owner, auto where) {
                          return tls_.server(std::move(config), std::move(owner), std::move(where));
                        }),
      server_scope_(stats.make_scope(server_stats::kSchema, server_stats::scope_name())),
      draining_(io_, options, workers_, [this] { io_.stop(); }) {
  for (const int signal : {SIGQUIT, SIGUSR1, SIGHUP}) signals_.add(signal);
  clusters_.log_events_to(logs_);
  if (const auto& path = loaded_.bootstrap.ejection_log_path; !path.empty()) {
    auto log = EjectionLog::open(path, logs_);
    if (log) {
      clusters_.log_ejections_to(std::move(*log));
    } else {
      log_error("outlier", "no log of ejections: {}", log.error().message);
    }
  }
  clusters_.identify(loaded_.bootstrap.node);
  guard_against_overload();
  clusters_.route_in_zones(loaded_.bootstrap.local_cluster, loaded_.bootstrap.node.locality);
  clusters_.on_warm(
      [this](std::shared_ptr<const ClusterRuntime> runtime, std::shared_ptr<const HostSet> hosts) {
        std::vector<WorkerBatch> batches(workers_.size());
        for (auto& batch : batches) batch.clusters.push_back({runtime, hosts});
        send(std::move(batches));
        open_listeners_if_due();
      });
  for (size_t shard = 1; shard < stats.shards(); ++shard) {
    workers_.push_back(std::make_unique<Worker>(shard, logs_, std::chrono::seconds(options_.drain_time_s)));
    workers_.back()->set_demand_source([this](Demand demand) {
      const uint64_t number = demand.number = ++demands_;
      boost::asio::post(io_, [this, held = std::move(demand)] { loaded_.source->demand(held); });
      return number;
    });
  }
}

Server::State::~State() {
  loaded_.source->stop();
  for (auto& worker : workers_) worker->stop();
}

int Server::State::run() {
  log_info("main", "remora {} starting with {} workers", version_text(), workers_.size());
  for (auto& worker : workers_) worker->start();
  if (!start_admin()) return 1;
  start_overload_manager();
  await_signal();
  if (!apply_now(std::move(loaded_.bootstrap.static_resources))) return 1;
  pre_initializing_ = false;
  configured_ = !loaded_.bootstrap.has_dynamic_resources;
  open_listeners_if_due();
  loaded_.source->start(*this);
  if (options_.mode == Options::Mode::kInitOnly && exit_code_ == 0) {
    if (initialized_) return 0;
  }
  if (exit_code_ == 0) {
    if (const auto& settings = loaded_.bootstrap.overload)
      watchdogs_ = std::make_unique<Watchdogs>(*settings, stats_, io_, workers_);
    io_.run();
  }
  log_info("main", "exiting");
  if (watchdogs_) watchdogs_->stop();
  if (admin_) admin_->stop();
  loaded_.source->stop();
  for (auto& worker : workers_) worker->stop();
  return exit_code_;
}

bool Server::State::start_admin() {
  if (!loaded_.bootstrap.admin) return true;
  admin_ = std::make_unique<AdminServer>(
      io_, AdminSources{stats_, *this, *loaded_.source, loaded_.bootstrap.prometheus_buckets},
      loaded_.bootstrap.admin->address);
  const auto bound = admin_->start();
  if (!bound) {
    log_error("admin", "{}", bound.error().message);
    return false;
  }
  log_info("admin", "admin address: {}", bound->to_string());
  if (options_.admin_address_path.empty()) return true;
  // Written beside and moved into place: who waits for the file never reads half of it.
  const auto temporary = options_.admin_address_path + ".tmp";
  std::ofstream(temporary) << bound->to_string();
  if (std::rename(temporary.c_str(), options_.admin_address_path.c_str()) != 0) {
    log_error("admin", "cannot write --admin-address-path '{}'", options_.admin_address_path);
    return false;
  }
  return true;
}

/// Before anything is made that goes by it.
void Server::State::guard_against_overload() {
  const auto& settings = loaded_.bootstrap.overload;
  if (settings == nullptr) return;
  ListenerGuards guards;
  if (settings->most_connections)
    guards.limit = std::make_shared<ConnectionLimit>(*settings->most_connections);
  if (!settings->monitors.empty()) {
    overload_ = std::make_unique<OverloadManager>(settings, stats_, SystemFiles(), guards.limit);
    guards.overload = overload_->shared_state();
    clusters_.heed_overload(guards.overload);
  }
  listener_manager_.guard(std::move(guards), settings->connections_monitored);
}

void Server::State::start_overload_manager() {
  if (overload_ == nullptr) return;
  overload_->on_timeouts_changed([this] {
    for (auto& worker : workers_) worker->post([&one = *worker] { one.rescale_timeouts(); });
  });
  overload_->start(io_);
}

// ----------------------------------------------------------------------------------------------
// configuration

void Server::State::apply(ConfigBatch batch) {
  boost::asio::post(
      io_, [this, held = std::make_shared<ConfigBatch>(std::move(batch))] { apply_now(std::move(*held)); });
}

void Server::State::initial_fetch_done() {
  boost::asio::post(io_, [this] {
    configured_ = true;
    open_listeners_if_due();
  });
}

/// False only if a static listener cannot be opened: then there is nothing to serve with.
bool Server::State::apply_now(ConfigBatch batch) {
  for (auto& secret : batch.secrets) {
    if (auto set = tls_.set_secret(std::move(secret)); !set) log_error("config", "{}", set.error().message);
  }
  WorkerBatch common;
  clusters_.apply(batch, common);
  for (const auto& [name, table] : batch.routes) routes_[name] = table;
  for (const auto& name : batch.removed_routes) routes_.erase(name);
  common.routes = std::move(batch.routes);
  common.removed_routes = std::move(batch.removed_routes);
  common.settled = std::move(batch.settled);
  std::vector<WorkerBatch> batches(workers_.size(), common);
  if (!initialized_) {
    for (auto& listener : batch.listeners) {
      std::erase_if(waiting_listeners_, [&](const auto& waiting) { return waiting->name == listener->name; });
      waiting_listeners_.push_back(std::move(listener));
    }
    for (const auto& name : batch.removed_listeners) {
      std::erase_if(waiting_listeners_, [&](const auto& waiting) { return waiting->name == name; });
    }
  } else {
    for (auto& listener : batch.listeners) {
      if (auto added = listener_manager_.add(std::move(listener), batches); !added) {
        listener_manager_.count_failure();
        log_error("listener", "{}", added.error().message);
      }
    }
    for (const auto& name : batch.removed_listeners) listener_manager_.remove(name, batches);
  }
  for (const auto& name : batch.removed_secrets) tls_.remove_secret(name);
  send(std::move(batches));
  open_listeners_if_due();  // whoever it waited for may have been removed
  return true;
}

/// Listeners open when all is there that they need, and is known to be well.
void Server::State::open_listeners_if_due() {
  if (configured_ && clusters_.warming() == 0) open_listeners();
}

void Server::State::open_listeners() {
  if (std::exchange(initialized_, true)) return;
  std::vector<WorkerBatch> batches(workers_.size());
  for (auto& listener : waiting_listeners_) {
    const bool is_static = !listener->added_via_api;
    if (auto added = listener_manager_.add(std::move(listener), batches); !added) {
      listener_manager_.count_failure();
      log_error("listener", "{}", added.error().message);
      if (is_static) exit_code_ = 1;
    }
  }
  waiting_listeners_.clear();
  send(std::move(batches));
  const auto took = elapsed_ms(started_, std::chrono::steady_clock::now());
  server_scope_->block(0).record(server_stats::kInitializationTimeMs, took);
  log_info("main", "all dependencies initialized after {} ms, serving", took);
  if (const auto memory = process_memory(); memory.heap_free > kMuchFree) malloc_trim(0);
  if (exit_code_ != 0 || options_.mode == Options::Mode::kInitOnly) io_.stop();
}

void Server::State::send(std::vector<WorkerBatch> batches) {
  for (size_t i = 0; i < workers_.size(); ++i) {
    if (is_empty(batches[i])) continue;
    workers_[i]->post([worker = workers_[i].get(), batch = std::make_shared<WorkerBatch>(std::move(
                                                       batches[i]))] { worker->apply(std::move(*batch)); });
  }
}

// ---------------------------------------------------------------------------------------------- the admin's
// view

ServerState Server::State::state() const {
  if (pre_initializing_) return ServerState::kPreInitializing;
  if (draining_.announced()) return ServerState::kDraining;
  return initialized_ ? ServerState::kLive : ServerState::kInitializing;
}

std::vector<AdminListener> Server::State::listeners() {
  std::vector<AdminListener> all;
  for (const auto* bound : listener_manager_.listeners()) {
    const ListenerConfig& config = *bound->runtime->config;
    if (!bound->addresses.empty()) {
      all.push_back(
          {config.name, bound->addresses.front(), {bound->addresses.begin() + 1, bound->addresses.end()}});
    } else if (!config.bind_to_port) {  // takes over connections to its address without a socket there
      all.push_back({config.name, config.address, config.additional_addresses});
    }
  }
  return all;
}

AdminServerInfo Server::State::server_info() {
  const auto uptime =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started_).count();
  return {version_text(), state(), static_cast<uint64_t>(uptime), &options_, &loaded_.bootstrap.node};
}

std::vector<UnreadyTargets> Server::State::unready_targets() {
  std::vector<UnreadyTargets> unready;
  if (!initialized_) unready.push_back({"server", {"initial fetch of dynamic resources"}});
  for (auto& [manager, targets] : loaded_.source->waiting())
    unready.push_back({std::move(manager), std::move(targets)});
  return unready;
}

Result<std::string> Server::State::explain(std::string_view question) {
  explain::Configuration configuration;
  for (const auto* bound : listener_manager_.listeners())
    configuration.listeners.push_back({bound->runtime, bound->addresses});
  configuration.routes = [this](const std::string& name) {
    const auto found = routes_.find(name);
    return found == routes_.end() ? nullptr : found->second;
  };
  configuration.cluster = [this](const std::string& name) -> explain::Cluster {
    auto found = clusters_.find(name);
    return {std::move(found.config), std::move(found.hosts)};
  };
  return explain::answer(question, configuration);
}

void Server::State::refresh_stats() {
  using namespace server_stats;  // NOLINT: the names of one enumeration
  auto& block = server_scope_->block(0);
  block.set(kUptime, server_info().uptime_s);
  block.set(kLive, state() == ServerState::kLive ? 1 : 0);
  block.set(kState, static_cast<uint64_t>(state()));
  block.set(kConcurrency, workers_.size());
  block.set(kTotalConnections, listener_manager_.connections());
  block.set(kDaysUntilFirstCertExpiring, tls_.days_until_first_expiry(std::chrono::system_clock::now()));
  const auto memory = process_memory();
  block.set(kMemoryAllocated, memory.allocated);
  block.set(kMemoryHeapSize, memory.heap_size);
  block.set(kMemoryPhysicalSize, memory.resident);
  clusters_.refresh_stats();
  listener_manager_.refresh_stats();
}

void Server::State::reopen_logs() {
  logs_.reopen();
  reopen_log();
}

void Server::State::quit() { io_.stop(); }

// ---------------------------------------------------------------------------------------------- the end

void Server::State::await_signal() {
  signals_.async_wait([this](const error_code& error, int signal) {
    if (error) return;
    switch (signal) {
      case SIGQUIT: io_.stop(); return;
      case SIGUSR1: reopen_logs(); break;
      case SIGHUP: break;  // as Envoy: not a reason to do anything
      default: draining_.begin_exit(); break;
    }
    await_signal();
  });
}

}  // namespace remora

#include "control_plane/server.h"

#include <grpcpp/grpcpp.h>
#include <malloc.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>

#include "control_plane/admin_door.h"
#include "control_plane/admin_pages.h"
#include "control_plane/ads_service.h"
#include "control_plane/api_front.h"
#include "control_plane/cluster_authority.h"
#include "control_plane/credentials.h"
#include "control_plane/directory_source.h"
#include "control_plane/injector_door.h"
#include "control_plane/inventory_feed.h"
#include "control_plane/leadership.h"
#include "control_plane/led_rollouts.h"
#include "control_plane/mesh.h"
#include "control_plane/mesh_identity.h"
#include "control_plane/object_home.h"
#include "control_plane/status_writer.h"
#include "control_plane/store_source.h"
#include "control_plane/version.h"
#include "kubernetes/events.h"
#include "page/mesh_json.h"
#include "rollout/engine.h"
#include "store/default_folder.h"
#include "telemetry/metrics_service.h"
#include "telemetry/traffic_store.h"

namespace remora::xds {
namespace {

void set_up_logging(const std::string& level) {
  auto logger = spdlog::stderr_logger_mt("remora-control");
  logger->set_pattern("[%Y-%m-%d %H:%M:%S.%e][%P][%l] %v");
  spdlog::set_default_logger(std::move(logger));
  spdlog::set_level(spdlog::level::from_str(level));
  spdlog::flush_on(spdlog::level::info);
}

/// Written beside and moved into place, so that a reader never sees half an address.
Result<void> write_address(const std::string& path, const std::string& address) {
  if (path.empty()) return {};
  const std::string part = path + ".part";
  std::ofstream file(part);
  file << address << '\n';
  file.close();
  if (!file || std::rename(part.c_str(), path.c_str()) != 0) return Error{"cannot write " + path};
  return {};
}

void log_line(bool warning, const std::string& text) {
  spdlog::log(warning ? spdlog::level::warn : spdlog::level::info, text);
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// Where the lease and the secrets of all replicas are.
std::string own_namespace(const ObjectHome& home) {
  const std::string given = environment("POD_NAMESPACE");
  return given.empty() ? home.own_namespace() : given;
}

/// Where other replicas reach our xDS: the pod's address, else what we listen on; empty where that is all
/// addresses of a machine, whose own nobody has told us.
std::string place_for_replicas(const XdsAddresses& xds) {
  const std::string& address = xds.tls.empty() ? xds.plain : xds.tls;
  const size_t colon = address.rfind(':');
  std::string host = environment("POD_IP");
  if (host.find(':') != std::string::npos) host = '[' + host + ']';
  if (host.empty()) host = address.substr(0, colon);
  return host == "0.0.0.0" || host == "[::]" ? "" : host + address.substr(colon);
}

/// Calls back when `left` things are done.
class Countdown {
 public:
  Countdown(int left, std::function<void()> done) : left_(left), done_(std::move(done)) {}
  void one_done() {
    if (--left_ == 0) done_();
  }

 private:
  int left_;
  const std::function<void()> done_;
};

/// The composition root: who knows whom, and in which order they start and end.
class Server {
 public:
  Server(const Options& options, boost::asio::io_context& context, ObjectHome& home, AdminDoor& admin,
         std::unique_ptr<MeshIdentity> identity)
      : options_(options),
        context_(context),
        signals_(context_, SIGTERM, SIGINT),
        home_(home),
        leadership_(context, home.api_server(),
                    lease_settings(options, own_namespace(home), environment("POD_NAME")),
                    [this](bool leads) { lead(leads); }),
        events_(make_events()),
        identity_(std::move(identity)),
        manifests_(context_, options.config_paths),
        source_(context_, manifests_, home_.objects(), home_.manifests(),
                [this](const store::ObjectKey& key) { return home_.place_of(key); }),
        mesh_(source_, inventory_,
              {options.trust_domain, options.root_namespace, options.auto_mtls, *options.outbound_policy,
               options.protocol_detection_timeout},
              *options.default_scope),
        feed_(context_, home_.objects(), inventory_, [this] { mesh_.take_endpoints(); }),
        statuses_(
            home_.objects(), [this] { return leadership_.leads(); },
            options.uses_kubernetes() ? StatusWriter::Scope::kMeshKinds : StatusWriter::Scope::kAllKinds),
        reports_(context_, traffic_, doorman()),
        credentials_(context_, home_.objects(), [this] { credentials_changed(); }),
        ads_(context_, mesh_, identity_ == nullptr ? std::nullopt : std::optional(identity_->identities())),
        rollouts_(rollout_environment()),
        led_rollouts_(rollouts_, leadership_),
        pages_(mesh_, ads_, traffic_, &rollouts_),
        admin_(admin),
        api_(context_, options_, home_.objects_for_api(), page_sources()) {
    if (events_) statuses_.tell(teller());
    admin_.show([this](const web::Request& request) { return pages_.answer(request); });
    pages_.add_metrics([this] {
      return home_.metrics() + leadership_.metrics() +
             (events_ ? kubernetes::metrics_of(events_->counters()) : "") +
             (injector_ ? injector_->metrics() : "");
    });
    pages_.add_leader([this] { return leadership_.describe(); });
    ads_.also_serve(reports_.service());
    ads_.use(credentials_);
    source_.set_broken(home_.broken());
    home_.follow([this] {
      source_.set_broken(home_.broken());
      statuses_.retry();
    });
    statuses_.update(mesh_.findings());
    mesh_.on_change([this] {
      ads_.push();
      statuses_.update(mesh_.findings());
      api_.mesh_changed();
      malloc_trim(
          0);  // the YAML trees, many times the size of what they became, are gone: give their pages back
    });
    mesh_.on_endpoints([this] {
      ads_.push();
      api_.mesh_changed();
    });
    mesh_.take_endpoints();
    malloc_trim(0);
  }

  int run() {
    const auto started = start();
    if (!started.ok()) {
      spdlog::error("{}", started.error().message);
      ads_.shut_down([this] { context_.stop(); });
      context_.run();
      return 1;
    }
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) stop();
    });
    context_.run();
    return 0;
  }

 private:
  void credentials_changed() {
    ads_.push_credentials();
    mesh_.set_further_findings(credentials_.findings());
    statuses_.update(mesh_.findings());
    api_.mesh_changed();
  }

  Result<void> start() {
    const auto xds = listen_for_proxies();
    if (!xds.ok()) return Error{xds.error()};
    const auto api = api_.listen(options_.api_address);
    if (!api.ok()) return Error{"--api-address: " + api.error().message};
    const auto webhook = listen_for_pods();
    if (!webhook.ok()) return Error{webhook.error()};
    auto written = write_address(options_.xds_address_path, xds->plain);
    if (written.ok()) written = write_address(options_.webhook_address_path, *webhook);
    if (written.ok()) written = write_address(options_.xds_tls_address_path, xds->tls);
    if (written.ok()) written = write_address(options_.api_address_path, *api);
    if (written.ok()) written = write_address(options_.admin_address_path, admin_.address());
    if (!written.ok()) return written;
    leadership_.set_place(place_for_replicas(*xds), [this] { follow_leader(); });
    leadership_.start();
    spdlog::info("{}: xDS on {}{}, admin on {}, API and page on {}", kVersion, xds->plain,
                 xds->tls.empty() ? "" : " and over TLS on " + xds->tls, admin_.address(), *api);
    return {};
  }

  /// Nothing is written but by the one that leads; whoever leads no longer stops before another one begins.
  void lead(bool leads) {
    follow_leader();
    if (!leads) return rollouts_.stop();
    statuses_.update(mesh_.findings());
    if (*options_.rollouts) rollouts_.start();
    if (injector_) injector_->lead();
  }

  Result<XdsAddresses> listen_for_proxies() {
    const XdsAddresses wanted{options_.xds_address, options_.xds_tls_address};
    std::shared_ptr<grpc::ServerCredentials> credentials;
    if (!wanted.tls.empty()) {
      auto made = identity_->server_credentials(wanted.tls);
      if (!made.ok()) return Error{"--xds-tls-address: " + made.error().message};
      credentials = std::move(*made);
    }
    auto listening = ads_.listen(wanted, std::move(credentials));
    if (!listening.ok()) return Error{"xDS: " + listening.error().message};
    return listening;
  }

  /// The admission webhook; empty where there is none.
  Result<std::string> listen_for_pods() {
    if (options_.webhook_address.empty()) return std::string();
    injector_ = std::make_unique<InjectorDoor>(
        context_, options_,
        InjectorDoor::Ground{identity_->authority(), home_.api_server(), events_.get(), own_namespace(home_),
                             [this] { return leadership_.leads(); }});
    return injector_->listen();
  }

  /// Canaries are judged by what all proxies report, whichever replica they come to: it goes to the one that
  /// leads.
  void follow_leader() {
    const std::string place = leadership_.place_of_leader();
    if (place == leaders_place_) return;
    leaders_place_ = place;
    const bool secure = identity_ != nullptr && !options_.xds_tls_address.empty();
    reports_.pass_on_to(place.empty() ? nullptr
                        : secure      ? identity_->channel_to(place)
                                      : grpc::CreateChannel(place, grpc::InsecureChannelCredentials()));
  }

  telemetry::MetricsService::Doorman doorman() const {
    if (identity_ == nullptr) return nullptr;
    return [this](const grpc::ServerContextBase& call, const std::function<void(Result<void>)>& answer) {
      return identity_->review(call, answer);
    };
  }

  std::unique_ptr<kubernetes::EventRecorder> make_events() const {
    if (home_.api_server() == nullptr) return nullptr;
    kubernetes::EventSettings settings;
    settings.instance = leadership_.identity();
    settings.log = log_line;
    return std::make_unique<kubernetes::EventRecorder>(context_, *home_.api_server(), std::move(settings));
  }

  StatusWriter::Told teller() {
    return [this](const store::Object& about, bool warning, const std::string& reason,
                  const std::string& message) { events_->record(about, warning, reason, message); };
  }

  rollout::Environment rollout_environment() {
    rollout::Environment environment{context_, home_.objects(), &traffic_};
    environment.min_interval = options_.rollout_min_interval;
    environment.kubernetes = options_.uses_kubernetes();
    environment.identity = leadership_.identity();
    if (events_) environment.record_event = teller();
    environment.is_complete = [this] { return !istio::has_errors(manifests_.list().findings); };
    environment.log = log_line;
    environment.proxies_follow = [this] { return ads_.routes_settled(); };
    environment.hold_routes = [this](const store::Object& shown) { source_.hold(shown); };
    return environment;
  }

  page::Sources page_sources() {
    return {.rollouts = &led_rollouts_,
            .traffic = [this] { return traffic_.numbers(); },
            .traffic_history = [this] { return traffic_.view(); },
            .mesh = [this] { return page::mesh_json(mesh_.registry(), mesh_.findings()); },
            .standing = [this] { return leadership_.standing(); }};
  }

  void stop() {
    spdlog::info("shutting down");
    admin_.close();
    api_.close();
    if (injector_) injector_->close();
    reports_.close();
    const auto all_done = std::make_shared<Countdown>(2, [this] { context_.stop(); });
    leadership_.release([all_done] { all_done->one_done(); });
    ads_.shut_down([all_done] { all_done->one_done(); });
  }

  const Options& options_;
  boost::asio::io_context& context_;
  boost::asio::signal_set signals_;
  ObjectHome& home_;
  Leadership leadership_;
  std::string leaders_place_;                          ///< where reports go; empty: they stay here
  std::unique_ptr<kubernetes::EventRecorder> events_;  ///< null: there is nobody to tell
  std::unique_ptr<MeshIdentity> identity_;
  DirectorySource manifests_;
  StoreSource source_;
  istio::Inventory inventory_;
  Mesh mesh_;
  InventoryFeed feed_;
  StatusWriter statuses_;
  telemetry::TrafficStore traffic_;
  telemetry::MetricsService reports_;
  Credentials credentials_;
  AdsService ads_;
  rollout::Engine rollouts_;
  LedRollouts led_rollouts_;
  AdminPages pages_;
  AdminDoor& admin_;
  ApiFront api_;
  std::unique_ptr<InjectorDoor> injector_;
};

/// Null where the options give nobody a way to prove who they are: then no authority is needed, and none is
/// made. `shared`: the one of all replicas, else null. `folder` is where an authority of our own lies unless
/// the options say otherwise.
Result<std::unique_ptr<MeshIdentity>> open_identity(boost::asio::io_context& context, const Options& options,
                                                    ObjectHome& home,
                                                    std::unique_ptr<identity::CertificateAuthority> authority,
                                                    std::string folder) {
  if (!options.gives_identities()) return std::unique_ptr<MeshIdentity>();
  if (!options.ca_folder.empty()) folder = options.ca_folder;
  const bool in_cluster = options.uses_kubernetes();
  if (in_cluster && options.ca_folder.empty()) folder.clear();  // there may be none that we may write to
  if (authority == nullptr) {
    auto opened = MeshIdentity::open_authority(options, folder);
    if (!opened.ok()) return Error{opened.error()};
    authority = std::move(*opened);
  }
  return MeshIdentity::make(context, options, std::move(authority),
                            {folder, home.api_server(), in_cluster ? own_namespace(home) : ""});
}

int fail(const std::string& why) {
  spdlog::error("{}", why);
  return 1;
}

}  // namespace

int validate_configuration(const std::vector<std::string>& paths) {
  boost::asio::io_context context;
  spdlog::set_level(spdlog::level::off);  // the findings are the output
  DirectorySource source(context, paths);
  istio::Inventory inventory;
  const Mesh mesh(source, inventory);
  for (const istio::Diagnostic& finding : mesh.findings()) std::puts(istio::to_string(finding).c_str());
  const bool bad = istio::has_errors(mesh.findings());
  if (!bad) std::printf("%zu resources are valid\n", mesh.registry().resources().size());
  return bad ? 1 : 0;
}

int serve(const Options& options) {
  set_up_logging(options.log_level);
  boost::asio::io_context context(1);
  const std::string folder = options.store_path.empty() ? store::default_folder() : options.store_path;
  auto home = ObjectHome::open(context, options, folder);
  if (!home.ok()) return fail(home.error().message);
  AdminDoor admin(context, **home);
  const auto listening = admin.listen(options.admin_address);
  if (!listening.ok()) return fail("--admin-address: " + listening.error().message);
  std::optional<ClusterAuthority> shared;
  if (options.uses_kubernetes()) {
    const auto written = write_address(options.admin_address_path, admin.address());
    if (!written.ok()) return fail(written.error().message);
    (*home)->follow([] {});  // begins to read
    if (options.gives_identities() && !options.has_own_authority()) {
      shared.emplace(context, *(*home)->api_server(), own_namespace(**home), options.trust_domain);
      shared->start();
      admin.also_waits_for([&shared] { return shared->complaint(); });
    }
  }
  const auto ready = [&] { return (*home)->ready() && (!shared || shared->found()); };
  if (!wait_until_ready(context, ready)) return 0;
  auto identity = open_identity(context, options, **home, shared ? shared->take() : nullptr, folder + ".ca");
  if (!identity.ok()) return fail(identity.error().message);
  if (shared) shared->keep_current((*identity)->authority());
  return Server(options, context, **home, admin, std::move(*identity)).run();
}

}  // namespace remora::xds

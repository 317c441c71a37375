#include "control_plane/injector_door.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "control_plane/ca_bundle_keeper.h"
#include "inject/admission.h"
#include "istio/text/scalar.h"
#include "kubernetes/events.h"

namespace remora::xds {
namespace {

constexpr std::chrono::seconds kRetry{30};
constexpr const char* kServiceAccount = "remora-control";

inject::Settings settings_of(const Options& options, const InjectorDoor::Ground& ground) {
  inject::Settings settings;
  settings.trust_domain = options.trust_domain;
  settings.root_namespace = options.root_namespace;
  if (!ground.own_namespace.empty())
    settings.discovery_address = "remora-control." + ground.own_namespace + ".svc:15012";
  // Without xDS over TLS there is only plain text to lead sidecars to.
  if (!options.xds_tls_address.empty()) settings.root_certificate = ground.authority.root_pem();
  return settings;
}

struct Names {
  std::vector<std::string> dns;
  std::vector<std::string> addresses;
};

/// By which API servers call us: Kubernetes' name of our Service, or what the operator says it is.
Names names_of(const Options& options, const InjectorDoor::Ground& ground) {
  Names names{{"localhost"}, {"127.0.0.1", "::1"}};
  std::vector<std::string> given = options.webhook_server_names;
  if (given.empty() && !ground.own_namespace.empty())
    given.push_back("remora-control." + ground.own_namespace + ".svc");
  for (const std::string& name : given) {
    (istio::is_ip_address(name) ? names.addresses : names.dns).push_back(name);
  }
  return names;
}

web::Response problem(unsigned status, std::string message) {
  return {status, "text/plain; charset=utf-8", std::move(message) + '\n'};
}

bool is_json(const web::Request& request) {
  const auto type = request.headers[boost::beast::http::field::content_type];
  return std::string_view(type.data(), type.size()).starts_with("application/json");
}

}  // namespace

InjectorDoor::InjectorDoor(boost::asio::io_context& context, const Options& options, Ground ground)
    : options_(options),
      ground_(std::move(ground)),
      settings_(settings_of(options, ground_), options.injection_settings_file),
      server_(context,
              [this](const web::Request& request, const web::ResponderPtr& responder) {
                responder->respond(answer(request));
              },
              {.anyone = true}),
      renewal_(context) {
  if (ground_.api == nullptr || options.webhook_configuration.empty()) return;
  bundle_ = std::make_unique<CaBundleKeeper>(context, *ground_.api, options.webhook_configuration,
                                             ground_.authority.root_pem(), ground_.leads);
}

InjectorDoor::~InjectorDoor() = default;

Result<std::string> InjectorDoor::listen() {
  const auto settings = settings_.open();
  if (!settings.ok()) return Error{"--injection-settings: " + settings.error().message};
  const auto certificate = renew();
  if (!certificate.ok()) return Error{"--webhook-address: " + certificate.error().message};
  auto address = server_.listen(options_.webhook_address);
  if (!address.ok()) return Error{"--webhook-address: " + address.error().message};
  if (bundle_) bundle_->start();
  following_ = ground_.authority.follow([this] { authority_changed(); });
  return address;
}

void InjectorDoor::lead() {
  if (bundle_) bundle_->look();
}

void InjectorDoor::close() {
  following_.reset();
  renewal_.cancel();
  bundle_.reset();
  server_.close();
}

web::Response InjectorDoor::answer(const web::Request& request) {
  const std::string_view path = request.path();
  if (path != "/inject" && !path.starts_with("/inject/")) return problem(404, "there is /inject");
  if (request.method != web::Verb::post) return problem(405, "an AdmissionReview comes by POST");
  if (!is_json(request)) return problem(415, "an AdmissionReview comes as application/json");
  const auto reviewed = inject::review(request.body, settings_.now());
  if (!reviewed.ok()) {
    ++unreadable_;
    spdlog::warn("injection: {}", reviewed.error().message);
    return problem(400, reviewed.error().message);
  }
  ++(reviewed->refused ? refused_ : reviewed->injected ? injected_ : left_alone_);
  spdlog::log(reviewed->refused ? spdlog::level::warn : spdlog::level::info, "injection: {}",
              reviewed->summary);
  tell(*reviewed);
  return {200, "application/json", reviewed->body};
}

/// Whichever replica is asked tells of it: Events need no leader.
void InjectorDoor::tell(const inject::Reviewed& reviewed) {
  const inject::Concerned& about = reviewed.concerned;
  if (ground_.events == nullptr || reviewed.dry_run || about.name.empty()) return;
  const char* reason = reviewed.refused ? "InjectionRefused" : "InjectionIncomplete";
  for (const std::string& problem : reviewed.problems) {
    ground_.events->record({about.api_version, about.kind, about.ns, about.name, about.uid}, true, reason,
                           "sidecar: " + problem);
  }
}

Result<void> InjectorDoor::renew() {
  const Names names = names_of(options_, ground_);
  const auto issued =
      ground_.authority.issue_server({options_.trust_domain, options_.root_namespace, kServiceAccount},
                                     options_.certificate_lifetime, names.dns, names.addresses);
  if (!issued.ok()) return Error{issued.error()};
  auto used = server_.use_certificate(issued->chain_pem, issued->key_pem);
  if (!used.ok()) return used;
  renew_at(issued->renewal());
  return {};
}

void InjectorDoor::renew_at(std::chrono::system_clock::time_point time) {
  renewal_.expires_at(time);
  renewal_.async_wait([this](const boost::system::error_code& error) {
    if (!error) renew_or_retry();
  });
}

void InjectorDoor::renew_or_retry() {
  const auto renewed = renew();
  if (renewed.ok()) return;
  spdlog::error("injection: the webhook's certificate: {}", renewed.error().message);
  renew_at(std::chrono::system_clock::now() + kRetry);
}

/// An API server that has not heard of another root yet asks in vain: it asks again when the pod is tried
/// again.
void InjectorDoor::authority_changed() {
  if (bundle_) bundle_->use(ground_.authority.root_pem());
  settings_.use(settings_of(options_, ground_));
  renew_or_retry();
}

std::string InjectorDoor::metrics() const {
  return fmt::format(
      "# HELP remora_control_injections_total Pods that the admission webhook was asked about\n"
      "# TYPE remora_control_injections_total counter\n"
      "remora_control_injections_total{{result=\"injected\"}} {}\n"
      "remora_control_injections_total{{result=\"left_alone\"}} {}\n"
      "remora_control_injections_total{{result=\"refused\"}} {}\n"
      "remora_control_injections_total{{result=\"unreadable\"}} {}\n",
      injected_, left_alone_, refused_, unreadable_);
}

}  // namespace remora::xds

#include "control_plane/leadership.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <boost/asio/post.hpp>
#include <random>

namespace remora::xds {
namespace {

namespace json = boost::json;

/// As Kubernetes' own components relate the three.
constexpr int kRenewShareNumerator = 2;
constexpr int kRenewShareDenominator = 3;
constexpr int kRetryShareNumerator = 2;
constexpr int kRetryShareDenominator = 15;

std::string host_name() {
  std::array<char, 256> host{};
  return ::gethostname(host.data(), host.size() - 1) == 0 && host[0] != '\0' ? host.data() : "remora-control";
}

std::string fresh_suffix() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

}  // namespace

kubernetes::LeaderSettings lease_settings(const Options& options, const std::string& own_namespace,
                                          const std::string& pod_name) {
  kubernetes::LeaderSettings settings;
  settings.ns = options.lease_namespace.empty() ? own_namespace : options.lease_namespace;
  settings.name = options.lease_name;
  settings.identity = !options.lease_identity.empty() ? options.lease_identity
                      : !pod_name.empty()             ? pod_name
                                                      : host_name();
  settings.identity += '_' + fresh_suffix();
  settings.note_name = "remora.dev/reports-address";
  settings.lease_duration = options.lease_duration;
  settings.renew_deadline = settings.lease_duration * kRenewShareNumerator / kRenewShareDenominator;
  settings.retry_period = settings.lease_duration * kRetryShareNumerator / kRetryShareDenominator;
  return settings;
}

Leadership::Leadership(boost::asio::io_context& context, kubernetes::ApiClient* client,
                       kubernetes::LeaderSettings settings, Changed changed)
    : context_(context),
      settings_(client == nullptr ? kubernetes::LeaderSettings() : std::move(settings)),
      changed_(std::move(changed)) {
  if (client == nullptr) return;
  election_ = std::make_unique<kubernetes::LeaderElection>(context, *client, settings_,
                                                           [this](bool leads) { change(leads); });
}

void Leadership::start() {
  if (election_ != nullptr) return election_->start();
  change(true);
}

void Leadership::set_place(const std::string& place, std::function<void()> other_leader) {
  if (election_ == nullptr) return;
  if (place.empty()) {
    spdlog::warn(
        "leader: where other replicas reach this one is not known (POD_IP): as the leader it would see only "
        "its "
        "own proxies' traffic");
  }
  election_->set_note(place);
  election_->on_observed(std::move(other_leader));
}

std::string Leadership::place_of_leader() const {
  const bool other = election_ != nullptr && !leads_ && election_->holder() != settings_.identity;
  return other && !election_->holder().empty() ? election_->note() : "";
}

void Leadership::change(bool leads) {
  leads_ = leads;
  times_leader_ += leads ? 1 : 0;
  changed_(leads);
}

std::string Leadership::refusal() const {
  const std::string holder = election_ == nullptr ? "" : election_->holder();
  if (holder.empty() || holder == settings_.identity)
    return "no replica of remora-control leads now: try again";
  return "this replica of remora-control does not lead: " + holder + " does";
}

std::string Leadership::standing() const {
  if (leads_ || election_ == nullptr) return "";
  const std::string holder = election_->holder();
  if (holder.empty() || holder == settings_.identity) return refusal();
  // What comes before the last "_" is the pod's name (lease_settings).
  return refusal() +
         ". It alone has the traffic and acts on canaries; its page: kubectl port-forward --namespace " +
         settings_.ns + " pod/" + holder.substr(0, holder.rfind('_')) + " 15080";
}

json::object Leadership::describe() const {
  if (election_ == nullptr) return {{"leads", leads_}, {"alone", true}};
  return {{"leads", leads_},
          {"leader", election_->holder()},
          {"identity", settings_.identity},
          {"lease", settings_.ns + '/' + settings_.name},
          {"timesLeader", times_leader_},
          {"problem", election_->complaint()}};
}

std::string Leadership::metrics() const {
  return fmt::format(
      "# HELP remora_control_leader 1 while this replica writes statuses and drives rollouts, else 0\n"
      "# TYPE remora_control_leader gauge\n"
      "remora_control_leader {}\n"
      "# HELP remora_control_leader_acquired_total How often this replica has become the leader\n"
      "# TYPE remora_control_leader_acquired_total counter\n"
      "remora_control_leader_acquired_total {}\n",
      leads_ ? 1 : 0, times_leader_);
}

void Leadership::release(std::function<void()> done) {
  if (election_ != nullptr) return election_->release(std::move(done));
  if (leads_) change(false);
  boost::asio::post(context_, std::move(done));
}

}  // namespace remora::xds

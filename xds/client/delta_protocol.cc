#include "client/delta_protocol.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <unordered_set>

#include "client/log.h"

namespace remora::xds {
namespace {

constexpr int kInvalidArgument = 3;  // google.rpc.Code
constexpr const char* kWildcard = "*";

}  // namespace

DeltaProtocol::DeltaProtocol(StreamIdentity identity, ResourceReceiver& receiver)
    : identity_(std::move(identity)),
      receiver_(receiver) {}

void DeltaProtocol::follow_all(ResourceType type) {
  Subscription& subscription = at(type);
  if (subscription.all) return;
  if (subscription.introduced) subscription.added.insert(kWildcard);
  subscription.subscribed = subscription.all = true;
  ask(type);
}

void DeltaProtocol::follow(ResourceType type, const std::string& name) {
  Subscription& subscription = at(type);
  subscription.subscribed = true;
  subscription.names.insert(name);
  subscription.removed.erase(name);
  subscription.added.insert(name);
  ask(type);
}

void DeltaProtocol::unfollow(ResourceType type, const std::string& name) {
  Subscription& subscription = at(type);
  if (subscription.names.erase(name) == 0) return;
  subscription.added.erase(name);
  subscription.withdrawn.erase(name);
  subscription.removed.insert(name);
  if (!subscription.all) subscription.expiry.erase(name);
  ask(type);
}

void DeltaProtocol::ask(ResourceType type) {
  if (is_connected_) answers_.ask(type);
}

void DeltaProtocol::connected() {
  is_connected_ = true;
  first_on_stream_ = true;
  receiver_.on_connected(identity_.feed);
  answers_.clear();
  for (const ResourceType type : kResourceTypes) {
    Subscription& subscription = at(type);
    subscription.introduced = false;
    if (subscription.subscribed) ask(type);
  }
}

void DeltaProtocol::disconnected() {
  is_connected_ = false;
  answers_.clear();
  for (const ResourceType type : kResourceTypes) {
    if (at(type).subscribed) receiver_.on_failure(identity_.feed, type);
  }
  receiver_.on_disconnected(identity_.feed);
}

/// The first request of a type: everything that is followed, and what of it is already here. A wildcard alone
/// is said by naming nothing, which older servers understand too.
void DeltaProtocol::introduce(ResourceType type, Request& request) {
  Subscription& subscription = at(type);
  subscription.introduced = true;
  if (subscription.all && !subscription.names.empty()) request.add_resource_names_subscribe(kWildcard);
  for (const std::string& name : subscription.names) request.add_resource_names_subscribe(name);
  auto& versions = *request.mutable_initial_resource_versions();
  const auto tell = [&](const std::string& name) {
    if (subscription.withdrawn.contains(name)) return;
    if (std::string version = receiver_.version_of(identity_.feed, type, name); !version.empty())
      versions[name] = std::move(version);
  };
  std::ranges::for_each(subscription.accepted, tell);
  std::ranges::for_each(subscription.names, tell);
}

std::optional<DeltaProtocol::Request> DeltaProtocol::next_request() {
  for (;;) {
    auto next = answers_.next();
    if (!next) return std::nullopt;
    Subscription& subscription = at(next->type);
    Request request;
    if (!subscription.introduced) {
      introduce(next->type, request);
    } else if (subscription.added.empty() && subscription.removed.empty() && next->nonce.empty()) {
      continue;  // it was said together with an answer
    } else {
      for (const std::string& name : subscription.added) request.add_resource_names_subscribe(name);
      for (const std::string& name : subscription.removed) request.add_resource_names_unsubscribe(name);
    }
    subscription.added.clear();
    subscription.removed.clear();
    request.set_type_url(std::string(type_url(next->type)));
    request.set_response_nonce(next->nonce);
    if (next->error) {
      request.mutable_error_detail()->set_code(kInvalidArgument);
      request.mutable_error_detail()->set_message(std::move(*next->error));
    }
    if (first_on_stream_ || !identity_.node_on_first_message_only) *request.mutable_node() = identity_.node;
    first_on_stream_ = false;
    return request;
  }
}

void DeltaProtocol::received(const Response& response, MonotonicTime now, WallTime wall) {
  const auto type = type_of(response.type_url());
  if (!type || !at(*type).subscribed) {
    log(LogLevel::kWarning,
        "a response of the type '" + response.type_url() + "', which was not asked for: not read");
    return;
  }
  const UpdateResult result = receiver_.on_delta(identity_.feed, *type, response, now, wall);
  remember(at(*type), response, result, now);
  if (result.ok()) {
    answers_.accept(*type, response.nonce());
  } else if (!answers_.refuse(*type, response.nonce(), result.details(), now)) {
    receiver_.on_nack_held();
  }
  receiver_.on_answered(now);
}

/// A refused resource keeps the version that serves: after a reconnect the server sends it again.
void DeltaProtocol::remember(Subscription& subscription, const Response& response, const UpdateResult& result,
                             MonotonicTime now) {
  if (result.accepted.empty() && !result.ok() && result.refused.empty()) return;  // refused as a whole
  const std::unordered_set<std::string_view> accepted(result.accepted.begin(), result.accepted.end());
  for (const auto& resource : response.resources()) {
    if (!accepted.contains(resource.name())) continue;
    if (!subscription.all && !subscription.names.contains(resource.name())) continue;
    if (resource.has_resource()) {
      subscription.withdrawn.erase(resource.name());
      if (subscription.all) subscription.accepted.insert(resource.name());
    }
    if (!resource.has_ttl()) {
      subscription.expiry.erase(resource.name());
      continue;
    }
    const auto milliseconds = google::protobuf::util::TimeUtil::DurationToMilliseconds(resource.ttl());
    subscription.expiry[resource.name()] = now + Milliseconds{std::max<int64_t>(milliseconds, 0)};
  }
  for (const std::string& name : response.removed_resources()) {
    subscription.accepted.erase(name);
    subscription.expiry.erase(name);
    if (subscription.names.contains(name)) subscription.withdrawn.insert(name);
  }
}

void DeltaProtocol::on_time(MonotonicTime now) {
  answers_.on_time(now);
  for (const ResourceType type : kResourceTypes) {
    Subscription& subscription = at(type);
    Response expired;
    for (const auto& [name, expiry] : subscription.expiry) {
      if (expiry <= now) expired.add_removed_resources(name);
    }
    if (expired.removed_resources().empty()) continue;
    log(LogLevel::kWarning, std::to_string(expired.removed_resources_size()) + " resources of the type " +
                                std::string(type_url(type)) + " were not renewed in their time to live");
    remember(subscription, expired, {}, now);
    receiver_.on_delta(identity_.feed, type, expired, now, std::chrono::system_clock::now());
  }
  receiver_.on_time(now);
}

MonotonicTime DeltaProtocol::next_deadline() const {
  MonotonicTime next = std::min(answers_.next_deadline(), receiver_.next_deadline());
  for (const Subscription& subscription : subscriptions_) {
    for (const auto& [name, expiry] : subscription.expiry) next = std::min(next, expiry);
  }
  return next;
}

}  // namespace remora::xds

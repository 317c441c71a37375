#include "client/sotw_protocol.h"

#include <algorithm>

#include "client/log.h"

namespace remora::xds {
namespace {

constexpr int kInvalidArgument = 3;  // google.rpc.Code

}  // namespace

SotwProtocol::SotwProtocol(StreamIdentity identity, ResourceReceiver& receiver)
    : identity_(std::move(identity)),
      receiver_(receiver) {}

void SotwProtocol::follow_all(ResourceType type) {
  at(type).subscribed = true;
  ask(type);
}

void SotwProtocol::follow(ResourceType type, const std::string& name) {
  at(type).subscribed = true;
  at(type).names.insert(name);
  ask(type);
}

void SotwProtocol::unfollow(ResourceType type, const std::string& name) {
  if (at(type).names.erase(name) > 0) ask(type);
}

/// One pending request per type is enough: it is made from what is wanted when it is sent.
void SotwProtocol::ask(ResourceType type) {
  if (is_connected_) answers_.ask(type);
}

void SotwProtocol::connected() {
  is_connected_ = true;
  first_on_stream_ = true;
  receiver_.on_connected(identity_.feed);
  answers_.clear();
  for (const ResourceType type : kResourceTypes) {
    at(type).nonce.clear();
    if (at(type).subscribed) ask(type);
  }
}

void SotwProtocol::disconnected() {
  is_connected_ = false;
  answers_.clear();
  for (const ResourceType type : kResourceTypes) {
    if (at(type).subscribed) receiver_.on_failure(identity_.feed, type);
  }
  receiver_.on_disconnected(identity_.feed);
}

std::optional<SotwProtocol::Request> SotwProtocol::next_request() {
  auto next = answers_.next();
  if (!next) return std::nullopt;
  const Subscription& subscription = at(next->type);
  Request request;
  request.set_type_url(std::string(type_url(next->type)));
  request.set_version_info(subscription.version);
  request.set_response_nonce(subscription.nonce);
  for (const std::string& name : subscription.names) request.add_resource_names(name);
  if (next->error) {
    request.mutable_error_detail()->set_code(kInvalidArgument);
    request.mutable_error_detail()->set_message(std::move(*next->error));
  }
  if (first_on_stream_ || !identity_.node_on_first_message_only) *request.mutable_node() = identity_.node;
  first_on_stream_ = false;
  return request;
}

void SotwProtocol::received(const Response& response, MonotonicTime now, WallTime wall) {
  const auto type = type_of(response.type_url());
  if (!type || !at(*type).subscribed) {
    log(LogLevel::kWarning,
        "a response of the type '" + response.type_url() + "', which was not asked for: not read");
    return;
  }
  // What waits to be said of this type is about an older nonce, or is said by this answer as well.
  answers_.forget(*type);
  at(*type).nonce = response.nonce();
  const UpdateResult result = receiver_.on_response(identity_.feed, *type, response, now, wall);
  if (result.ok()) {
    at(*type).version = response.version_info();
    answers_.accept(*type, response.nonce());
  } else if (!answers_.refuse(*type, response.nonce(), result.details(), now)) {
    receiver_.on_nack_held();
  }
  receiver_.on_answered(now);
}

void SotwProtocol::on_time(MonotonicTime now) {
  answers_.on_time(now);
  receiver_.on_time(now);
}

MonotonicTime SotwProtocol::next_deadline() const {
  return std::min(answers_.next_deadline(), receiver_.next_deadline());
}

}  // namespace remora::xds

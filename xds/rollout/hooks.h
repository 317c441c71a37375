#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rollout/decide.h"

namespace remora::rollout {

/// What a webhook is told.
struct HookPayload {
  std::string name;
  std::string ns;
  std::string phase;
  std::string checksum;  ///< of the revision: equal as long as the same one is looked at
};

std::string checksum_of(const Status& status);
/// The JSON that a hook is sent; `extra` fields of metadata go before the hook's own.
std::string payload_json(const HookPayload& payload, const std::map<std::string, std::string>& metadata);

/// Calls the hooks one after the other until one decides: one that fails, or one that passes where
/// `stop_at_pass`. A status up to 202 passes. `done` is called once, not before this returns; dropping the
/// handle gives up.
std::shared_ptr<void> call_hooks(boost::asio::io_context& context, std::vector<istio::CanaryWebhook> hooks,
                                 HookPayload payload, bool stop_at_pass,
                                 std::function<void(std::vector<Check>)> done);

}  // namespace remora::rollout

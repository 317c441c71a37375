#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "istio/model/canary.h"
#include "remora/core/result.h"
#include "rollout/decide.h"
#include "web/http_message.h"

namespace remora::rollout {

/// Whether a canary's alert wants to hear of something this severe.
bool wants(const istio::CanaryAlert& alert, istio::AlertSeverity severity);

/// Target, deadline and strategy, as alerts about a new revision tell them.
std::vector<std::pair<std::string, std::string>> alert_facts(const istio::Canary& spec,
                                                             const std::string& ns);

/// The post of one alert in its provider's form; `secret` are the fields of the provider's Secret.
Result<web::Request> alert_request(const istio::AlertProvider& provider,
                                   const std::map<std::string, std::string>& secret,
                                   const std::string& canary, const Alert& alert,
                                   const std::vector<std::pair<std::string, std::string>>& facts);

}  // namespace remora::rollout

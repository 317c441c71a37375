#pragma once

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <string>

#include "istio/model/canary.h"
#include "rollout/metric_source.h"

namespace remora::rollout {

/// Asks a Prometheus server at the template's address (/api/v1/query) for an instant value. `secret` holds
/// the fields of its Secret: username and password, or token. Of several results the last one counts, as in
/// Flagger; no result and NaN (nothing divided by nothing) are no value.
Result<std::shared_ptr<MetricProvider>> make_prometheus_provider(
    boost::asio::io_context& context, const istio::MetricTemplate& metric,
    const std::map<std::string, std::string>& secret);

/// What a server answered.
MetricValue read_prometheus_answer(unsigned status, const std::string& body);

}  // namespace remora::rollout

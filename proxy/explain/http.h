#pragma once

#include "admin/json_writer.h"
#include "explain/connection.h"
#include "explain/explain.h"
#include "explain/question.h"
#include "remora/config/filter_chain.h"

namespace remora::explain {

/// Writes what an HTTP connection manager would make of the request: its admission, route, outcome and
/// cluster.
void write_http(admin::JsonWriter& json, const Question& question, const Landing& landing,
                const FilterChain& chain, const Configuration& configuration);

}  // namespace remora::explain

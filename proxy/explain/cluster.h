#pragma once

#include <string>

#include "admin/json_writer.h"
#include "explain/explain.h"
#include "remora/config/route.h"

namespace remora::explain {

/// Writes an object: the cluster of that name, the subset that is asked for and what it comes to, and the
/// endpoints that could be chosen with their health, at most `most` of them; of an aggregate cluster that of
/// each member.
void write_cluster(admin::JsonWriter& json, const std::string& name, const Configuration& configuration,
                   const SubsetMatch& wanted, size_t most);

}  // namespace remora::explain

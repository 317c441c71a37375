#pragma once

#include <boost/json/fwd.hpp>
#include <string>
#include <vector>

#include "kube/schema.h"

namespace remora::kube {

/// What keeps a value from being applied: fields that the schema does not have, values of another shape, list
/// items without keys or with the same ones. Each names its path, as `.spec.hosts: expected list`.
std::vector<std::string> apply_faults(const boost::json::value& applied, const Schema& schema);

/// Puts `applied`, which has no faults, into `target`: objects merge member by member and lists by their
/// keys; what is atomic is replaced. Items keep the order of `applied`, with the others where they stood.
void apply_merge(boost::json::value& target, const boost::json::value& applied, const Schema* schema);

}  // namespace remora::kube

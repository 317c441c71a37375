#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "kube/managed_fields.h"
#include "kube/managed_fields_set.h"

namespace remora::kube {

/// An entry of metadata.managedFields.
struct Manager {
  std::string name;
  bool applied = false;     ///< operation Apply, else Update
  std::string api_version;  ///< part of who an updater is, but not of who an applier is
  std::string subresource;
  std::string time;
  FieldSet fields;
};

using Managers = std::vector<Manager>;

/// The entries of an object; none where there are none, or one cannot be read.
Managers read_managers(const boost::json::object& object);
/// Writes them, sorted; entries without fields are left out. False where they would take too much room: then
/// there are none any more.
bool write_managers(Managers managers, boost::json::object& object);

/// The writer's own entry, made where there is none.
Manager& manager_of(Managers& managers, const Writer& writer, bool applied, const std::string& api_version);

/// `"kubectl-edit" using apps/v1`, as conflicts name it.
std::string describe(const Manager& manager);

/// Merges the oldest updaters into one, "ancient-changes", until at most ten are left.
void limit_updaters(Managers& managers);

/// Paths that belong to nobody: apiVersion, kind, and what the server itself keeps in metadata.
const FieldSet& unowned_fields();

std::string api_version_of(const boost::json::object& object);
/// A copy of `object` without metadata.managedFields.
boost::json::object without_managed_fields(const boost::json::object& object);

}  // namespace remora::kube

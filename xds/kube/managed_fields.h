#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "store/kinds.h"

namespace remora::kube {

/// Who writes, as metadata.managedFields names it.
struct Writer {
  std::string manager;      ///< the query parameter fieldManager, else the user agent up to its first slash
  std::string subresource;  ///< "status", or empty
  std::string time;         ///< now, "2026-11-21T06:00:00Z"
};

/// Brings metadata.managedFields of `after` up to date, which is about to replace `before` (null where it is
/// created) by anything but a server-side apply: what differs now belongs to the writer. A writer may hand
/// over changed managedFields; an empty list ends their tracking, and what cannot be read counts as not
/// given. At most ten such writers are kept apart; the oldest become "ancient-changes".
void track_update(const store::Kind& kind, const boost::json::object* before, boost::json::object& after,
                  const Writer& writer);

}  // namespace remora::kube

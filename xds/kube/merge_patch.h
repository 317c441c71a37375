#pragma once

#include <boost/json/fwd.hpp>

namespace remora::kube {

/// RFC 7386: applies `patch` to `target`. A member that is null goes; objects merge; everything else, lists
/// included, replaces.
void merge_patch(boost::json::value& target, const boost::json::value& patch);

/// The merge patch that makes `to` of `from`, where there is one: none can set a member to null, or tell an
/// item of a list.
boost::json::value merge_diff(const boost::json::value& from, const boost::json::value& to);

}  // namespace remora::kube

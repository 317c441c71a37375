#pragma once

#include <boost/json/object.hpp>
#include <vector>

#include "kube/call.h"
#include "store/object.h"

// Objects as an answer shows them: whole, as rows of a table, or their metadata only.
namespace remora::kube {

/// The object as it is in the version that was asked for.
boost::json::object presented(const store::Object& object, const Target& target);

/// One object in the form that the call wants. `first`: of a stream; later tables of it need no columns.
boost::json::object in_form(const Call& call, const store::Object& object, bool first = true);

/// A list of them; `metadata` is the list's.
boost::json::object in_form(const Call& call, const std::vector<store::ObjectPtr>& objects,
                            boost::json::object metadata);

/// A bookmark: nothing but the version that a watch has reached, as an object of the form.
boost::json::object bookmark_in_form(const Call& call, uint64_t version, bool initial_events_end);

}  // namespace remora::kube

#pragma once

#include <boost/json/fwd.hpp>

#include "kube/managed_fields_set.h"
#include "kube/schema.h"

namespace remora::kube {

/// What became of an object. No path is in more than one of the three.
struct Comparison {
  FieldSet added;
  FieldSet modified;
  FieldSet removed;
};

Comparison compare(const boost::json::value& before, const boost::json::value& after, const Schema& schema);

}  // namespace remora::kube

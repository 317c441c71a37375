#pragma once

#include <boost/json/object.hpp>

#include "kube/managed_fields.h"
#include "kube/refusal.h"
#include "store/kinds.h"

namespace remora::kube {

/// Server-side apply: what `live` (null: the object is to be created) becomes when `writer` wants `applied`
/// to hold. Fields that `applied` names change and belong to the writer; fields that the writer applied
/// before and no longer names go, unless others own them. 409 with a cause per field where others own a field
/// that would change, unless `force`; 400 where `applied` does not fit the schema. The result has its
/// managedFields; like every write it still needs validate().
Outcome<boost::json::object> server_side_apply(const store::Kind& kind, const boost::json::object* live,
                                               const boost::json::object& applied, const Writer& writer,
                                               bool force);

}  // namespace remora::kube

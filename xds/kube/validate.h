#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "kube/refusal.h"
#include "store/kinds.h"

namespace remora::kube {

/// What becomes of fields that are unknown or given twice: they go in silence, with a warning, or the request
/// is refused.
enum class FieldValidation { kIgnore, kWarn, kStrict };

/// The query parameter fieldValidation; absent means Warn.
Outcome<FieldValidation> field_validation(std::string_view word);

/// The paths of fields that occur more than once in one object of a JSON text, each as
/// `duplicate field "spec.hosts"`. A parser keeps only the last, so this looks at the text.
std::vector<std::string> duplicate_fields(std::string_view json);

/// Checks an object that is about to be stored against its kind's schema, and takes fields out that the
/// schema does not know. Answers the warnings for the client. `duplicates`: see duplicate_fields. Refused
/// are: in strict mode unknown and duplicate fields (400, "strict decoding error: unknown field ..."); in
/// every mode values of another type, required fields that are missing and words that are none of their
/// enumeration (422, a cause each).
Outcome<std::vector<std::string>> validate(const store::Kind& kind, boost::json::object& object,
                                           const std::vector<std::string>& duplicates, FieldValidation mode);

}  // namespace remora::kube

#pragma once

#include <boost/json/serialize.hpp>
#include <string>

#include "istio/model/resource.h"
#include "remora/core/result.h"
#include "store/object.h"

namespace remora::rollout {

/// An object's spec as xds/istio reads it, or its first fault.
template <typename T>
Result<T> parse_spec(const store::Object& object) {
  const istio::ParsedFile parsed = istio::parse_file(object.key.text(), boost::json::serialize(object.body));
  for (const istio::Diagnostic& finding : parsed.findings) {
    if (finding.severity == istio::Severity::kError) {
      return Error{object.key.text() + ": " + finding.path + ": " + finding.message};
    }
  }
  const T* spec = parsed.resources.empty() ? nullptr : std::get_if<T>(&parsed.resources.front()->spec);
  if (spec == nullptr) return Error{object.key.text() + " is of another kind"};
  return *spec;
}

}  // namespace remora::rollout

#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "kube/refusal.h"
#include "kube/target.h"
#include "store/object_store.h"

namespace remora::kube {

/// Kubernetes' Status of what failed; `target` says which object it is about.
boost::json::object failure_status(const Refusal& refusal, const Target& target);
/// What a deletion answers.
boost::json::object deleted_status(const store::Object& object);

/// `virtualservices.networking.istio.io "api"`, as messages name objects.
std::string quoted_name(const store::Kind& kind, const std::string& name);

Refusal not_found(const Target& target);
Refusal no_such_path();
Refusal method_not_allowed();
Refusal not_acceptable(const std::string& types);
Refusal expired(const std::string& message);
Refusal conflict(const Target& target, const std::string& why);
Refusal forbidden(const Target& target, const std::string& why);
/// A manifest file defines the object, and only there it can be changed.
Refusal defined_in_file(const Target& target, const store::Object& object);
/// `KIND "NAME" is invalid: ...`, for causes that are not empty.
Refusal invalid(const store::Kind& kind, const std::string& name, std::vector<Cause> causes);
Refusal from_write_error(const store::WriteError& error, const Target& target);

}  // namespace remora::kube

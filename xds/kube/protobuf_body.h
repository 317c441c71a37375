#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "kube/refusal.h"

namespace remora::kube {

/// An object in Kubernetes' protobuf encoding, which kubectl sends where it creates one of Kubernetes' own
/// kinds from its command line (`kubectl create namespace`, `create secret`, ...). 415 where the body has a
/// kind or a field that is not read in this form: JSON always is.
Outcome<boost::json::object> read_protobuf(std::string_view body);

}  // namespace remora::kube

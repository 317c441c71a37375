#pragma once

#include <string>
#include <string_view>

namespace remora::kube {

/// The answers below /openapi, made once at their first use; they live for ever.

/// /openapi/v2, as JSON.
const std::string& openapi_v2();

/// The same as "application/com.github.proto-openapi.spec.v2@v1.0+protobuf", which is all that kubectl
/// accepts for this path. Since 1.29 it goes on without (406), before it does not.
const std::string& openapi_v2_protobuf();

/// /openapi/v3: which group versions there are, each with an address that names its content's hash.
const std::string& openapi_v3_index();

/// /openapi/v3/PATH, where PATH is "api/v1" or "apis/networking.istio.io/v1"; null where there is none. An
/// address with ?hash= may be cached for ever.
const std::string* openapi_v3(std::string_view path);

}  // namespace remora::kube

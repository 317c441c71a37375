#pragma once

#include <string>
#include <string_view>

namespace remora::kube {

/// The answers below /openapi, made once at their first use; they live for ever.

/// /openapi/v2, as JSON. A client that accepts only protobuf (kubectl does for this path) gets 406, and goes
/// on with what it has: /openapi/v3.
const std::string& openapi_v2();

/// /openapi/v3: which group versions there are, each with an address that names its content's hash.
const std::string& openapi_v3_index();

/// /openapi/v3/PATH, where PATH is "api/v1" or "apis/networking.istio.io/v1"; null where there is none. An
/// address with ?hash= may be cached for ever.
const std::string* openapi_v3(std::string_view path);

}  // namespace remora::kube

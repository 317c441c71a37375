#pragma once

#include "jwt_authn/jwt.h"
#include "jwt_authn/provider.h"
#include "remora/config/metadata.h"
#include "remora/http/header_map.h"

// What others are told of a good token.
namespace remora::filters {

/// The headers that its provider wants: the payload as it came, and single claims. Texts, whole numbers and
/// flags stand as they are; lists and objects as JSON in base64url.
void add_claim_headers(const JwtProvider& provider, const Jwt& jwt, HeaderMap& head);
/// The payload for the dynamic metadata, where claims like `scope` may become lists of words.
MetadataValue::Object metadata_of(const JwtProvider& provider, const Jwt& jwt);

}  // namespace remora::filters

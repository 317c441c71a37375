#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "remora/config/route.h"
#include "remora/config/route_search.h"

namespace remora {

/// RouteMatch.grpc, which says nothing but that it is there.
struct GrpcCondition {};

/// What a condition asks for, in the words of Envoy's fields: x-user: exact "alice".
std::string condition_text(const PathMatch& path);
std::string condition_text(const HeaderMatcher& matcher);
std::string condition_text(const QueryMatcher& matcher);
std::string condition_text(const MetadataMatcher& matcher);
std::string condition_text(const FilterStateMatcher& matcher);
std::string condition_text(const ClientCertMatch& match);
std::string condition_text(const RuntimeFraction& fraction);
std::string condition_text(GrpcCondition grpc);

/// What a request has where a condition looks. Long values are cut.
std::string seen_text(const HeaderMatcher& matcher, const HeaderMap& head);
std::string seen_text(const QueryMatcher& matcher, std::string_view query);
std::string seen_text(const MetadataMatcher& matcher, const Metadata* metadata);
std::string seen_text(const FilterStateMatcher& matcher, const FilterState* state);
std::string seen_text(const ClientCertMatch& match, const TlsInfo* tls);
std::string seen_text(const RuntimeFraction& fraction, uint64_t random);
std::string seen_text(GrpcCondition grpc, const HeaderMap& head);

/// In quotes, cut where it is too long for a person, with what could break a terminal's line escaped.
std::string quoted(std::string_view text);

}  // namespace remora

#include "core/route_conditions.h"

#include <string_view>

#include "core/condition_text.h"
#include "core/grpc.h"
#include "remora/http/tls_info.h"

namespace remora {
namespace {

/// The one look at a route's conditions, for requests and for explanations. `unmet(field, number, condition,
/// subject)` is called for the first that does not hold; number -1: the field is no list.
template <typename Unmet>
bool look(const RouteMatch& match, const RouteQuestion& question, Unmet unmet) {
  if (match.runtime_fraction && !match.runtime_fraction->value.includes(question.random)) {
    unmet("runtime_fraction", -1, *match.runtime_fraction, question.random);
    return false;
  }
  if (match.grpc && !is_grpc_request(question.head)) {
    unmet("grpc", -1, GrpcCondition(), question.head);
    return false;
  }
  const auto all = [&](const auto& matchers, std::string_view field, const auto& subject) {
    for (const auto& matcher : matchers) {
      if (matcher.matches(subject)) continue;
      unmet(field, &matcher - matchers.begin(), matcher, subject);
      return false;
    }
    return true;
  };
  const auto certificate = [&] {
    if (!match.tls_context || match.tls_context->matches(question.facts.tls)) return true;
    unmet("tls_context", -1, *match.tls_context, question.facts.tls);
    return false;
  };
  return all(match.headers, "headers", question.head) &&
         all(match.query_parameters, "query_parameters", question.query) && certificate() &&
         all(match.dynamic_metadata, "dynamic_metadata", question.facts.metadata) &&
         all(match.filter_state, "filter_state", question.facts.filter_state);
}

}  // namespace

bool ClientCertMatch::matches(const TlsInfo* tls) const {
  if (presented && *presented != (tls != nullptr && tls->peer_presented)) return false;
  return !validated || *validated == (tls != nullptr && tls->peer_validated);
}

bool has_conditions(const RouteMatch& match) {
  return match.grpc || match.runtime_fraction || !match.headers.empty() || !match.query_parameters.empty() ||
         !match.dynamic_metadata.empty() || !match.filter_state.empty() || match.tls_context;
}

bool conditions_hold(const RouteMatch& match, const RouteQuestion& question) {
  return look(match, question,
              [](std::string_view, std::ptrdiff_t, const auto& /*condition*/, const auto& /*subject*/) {});
}

std::optional<UnmetCondition> first_unmet(const RouteMatch& match, const RouteQuestion& question) {
  std::optional<UnmetCondition> found;
  const auto tell = [&found](std::string_view field, std::ptrdiff_t number, const auto& condition,
                             const auto& subject) {
    std::string name(field);
    if (number >= 0) name += '[' + std::to_string(number) + ']';
    found = UnmetCondition{std::move(name), condition_text(condition), seen_text(condition, subject)};
  };
  look(match, question, tell);
  return found;
}

}  // namespace remora

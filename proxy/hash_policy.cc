#include "hash_policy.h"

#include <absl/container/inlined_vector.h>
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <string_view>

#include "core/hash.h"
#include "peer.h"
#include "remora/http/cookie.h"
#include "remora/http/filter_state.h"
#include "remora/http/path.h"

namespace remora {
namespace {

/// All values of the header, each the seed of the next one's hash. Their order does not matter.
std::optional<uint64_t> header_hash(const HashPolicy& policy, const HeaderMap& request) {
  absl::InlinedVector<std::string_view, 8> values;
  for (const auto& field : request.fields()) {
    if (field.name == policy.name) values.push_back(field.value);
  }
  if (values.empty() && policy.name == "host" && request.has(HeaderId::kAuthority))
    values.push_back(request.authority());
  if (values.empty()) return std::nullopt;
  absl::InlinedVector<std::string, 1> rewritten;
  if (policy.rewrite) {
    rewritten.reserve(values.size());
    for (auto& value : values)
      value = rewritten.emplace_back(policy.rewrite->regex.replace_all(value, policy.rewrite->value));
  }
  std::sort(values.begin(), values.end());
  uint64_t hash = 0;
  for (const auto value : values) hash = xx_hash64(value, hash);
  return hash;
}

std::string set_cookie_value(const HashPolicy& policy, std::string_view value) {
  std::string text = fmt::format("{}=\"{}\"", policy.name, value);
  if (policy.ttl->count() > 0) fmt::format_to(std::back_inserter(text), "; Max-Age={}", policy.ttl->count());
  if (!policy.path.empty()) text.append("; Path=").append(policy.path);
  for (const auto& [name, setting] : policy.attributes) {
    text.append("; ").append(name);
    if (!setting.empty()) text.append("=").append(setting);
  }
  return text.append("; HttpOnly");
}

std::optional<uint64_t> cookie_hash(const HashPolicy& policy, const HashSource& source,
                                    std::vector<std::string>* made) {
  const auto cookie = request_cookie(source.request, policy.name);
  if (cookie && !cookie->empty()) return xx_hash64(*cookie);
  if (!policy.ttl || made == nullptr) return std::nullopt;
  const auto value = fmt::format(
      "{:016x}", xx_hash64(source.connection.remote().to_string() + source.connection.local.to_string()));
  made->push_back(set_cookie_value(policy, value));
  return xx_hash64(value);
}

std::optional<uint64_t> object_hash(const HashPolicy& policy, const FilterState* state) {
  const std::string* object = state == nullptr ? nullptr : state->find_hashable(policy.name);
  return object == nullptr ? std::nullopt : std::optional(xx_hash64(*object));
}

std::optional<uint64_t> hash_by(const HashPolicy& policy, const HashSource& source,
                                std::vector<std::string>* made) {
  switch (policy.kind) {
    case HashPolicy::Kind::kHeader: return header_hash(policy, source.request);
    case HashPolicy::Kind::kCookie: return cookie_hash(policy, source, made);
    case HashPolicy::Kind::kSourceIp: return address_hash(source.client);
    case HashPolicy::Kind::kFilterState: return object_hash(policy, source.filter_state);
    case HashPolicy::Kind::kQueryParameter: break;
  }
  const auto value = query_parameter(split_path(source.request.path()).query, policy.name);
  return value ? std::optional(xx_hash64(*value)) : std::nullopt;
}

}  // namespace

std::optional<uint64_t> request_hash(const std::vector<HashPolicy>& policies, const HashSource& source,
                                     std::vector<std::string>* made) {
  std::optional<uint64_t> hash;
  for (const auto& policy : policies) {
    // Turned by a bit, so that a policy that stands there twice does not cancel itself out.
    if (const auto found = hash_by(policy, source, made)) hash = std::rotl(hash.value_or(0), 1) ^ *found;
    if (policy.terminal && hash) break;
  }
  return hash;
}

std::optional<uint64_t> address_hash(const Address& client) {
  if (!client.is_ip()) return std::nullopt;
  char text[INET6_ADDRSTRLEN];
  const auto* any = client.sockaddr_ptr();
  const void* bytes = client.family() == AF_INET
                          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(any)->sin_addr)
                          : &reinterpret_cast<const sockaddr_in6*>(any)->sin6_addr;
  return xx_hash64(inet_ntop(client.family(), bytes, text, sizeof(text)));
}

uint64_t weighted_random(const RouteAction& action, const HashSource& source, uint64_t random) {
  if (!action.weighted_by_hash) return random;
  return request_hash(action.hash_policies, source, nullptr).value_or(random);
}

}  // namespace remora

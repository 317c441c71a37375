#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jwt_authn/provider.h"
#include "jwt_authn/token_cache.h"
#include "remora/config/metadata.h"

namespace remora::filters {

/// envoy.extensions.filters.http.jwt_authn.v3.JwtRequirement: what a request must show.
struct JwtRequirement {
  enum class Kind : uint8_t { kNothing, kProvider, kAny, kAll, kAllowMissing, kAllowMissingOrFailed };
  Kind kind = Kind::kNothing;
  const JwtProvider* provider = nullptr;  ///< kProvider; owned by the filter's configuration
  std::optional<JwtAudiences> audiences;  ///< kProvider: instead of the provider's own
  std::vector<JwtRequirement> parts;      ///< kAny, kAll
  bool or_missing = false;                ///< kAny: allow_missing is among the parts
  bool or_failed = false;                 ///< kAny: allow_missing_or_failed is
  JwtLocations locations;                 ///< of the last two kinds: those of every provider
};

using JwtProviders = std::map<std::string, std::unique_ptr<JwtProvider>>;

/// What one worker knows of a provider.
struct JwtProviderState {
  explicit JwtProviderState(const JwtProvider& provider)
      : source(provider.remote ? std::make_shared<JwksSource>(provider.remote) : nullptr),
        cache(provider.cache_size, provider.max_cached_token) {}
  std::shared_ptr<JwksSource> source;  ///< null: the keys are local
  TokenCache cache;
};

/// One look at a request. Whatever is good in it changes the head at once, as in Envoy, where a header that
/// one requirement takes away is not there any more for the next; so a look that may have to wait for keys
/// is taken at a copy first.
class JwtCheck {
 public:
  struct Time {
    uint64_t wall;  ///< seconds since 1970
    MonotonicTime monotonic;
  };
  struct Worker {
    const JwtProviders& providers;
    std::vector<JwtProviderState>& states;  ///< by number
    StatBlock* stats;                       ///< may be null
  };
  JwtCheck(Worker worker, HeaderMap& head, Time time, const std::vector<const JwtProvider*>& not_fetched)
      : worker_(worker),
        head_(head),
        time_(time),
        not_fetched_(not_fetched) {}

  JwtStatus check(const JwtRequirement& requirement);

  /// Not null: the look is of no use before this provider's keys were fetched.
  [[nodiscard]] const JwtProvider* needs() const { return needs_; }
  /// What is to be found in the dynamic metadata.
  [[nodiscard]] MetadataValue::Object& extracted() { return extracted_; }
  [[nodiscard]] bool clears_route() const { return clears_route_; }

 private:
  struct Tokens {
    const JwtLocations& locations;
    const JwtProvider* provider = nullptr;  // null: whoever issued the token
    const JwtAudiences* audiences = nullptr;
    bool allow_failed = false;
    bool allow_missing = false;
  };
  JwtStatus check_any(const JwtRequirement& requirement);
  JwtStatus check_all(const JwtRequirement& requirement);
  JwtStatus check_tokens(const Tokens& tokens);
  JwtStatus check_token(const FoundToken& found, const Tokens& tokens);
  JwtStatus check_signature(const JwtProvider& provider, const Jwt& jwt);
  [[nodiscard]] const JwtProvider* issued_by(const std::string& issuer) const;
  void accept(const JwtProvider& provider, const Jwt& jwt, const JwtLocation& location);
  void note_failure(const JwtProvider* provider, JwtStatus status);

  Worker worker_;
  HeaderMap& head_;
  Time time_;
  const std::vector<const JwtProvider*>& not_fetched_;
  const JwtProvider* needs_ = nullptr;
  MetadataValue::Object extracted_;
  bool clears_route_ = false;
};

}  // namespace remora::filters

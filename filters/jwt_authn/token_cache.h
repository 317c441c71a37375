#pragma once

#include <absl/container/flat_hash_map.h>

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "jwt_authn/jwks.h"

namespace remora::filters {

/// Tokens whose signatures were good: those that were used last stay. One per worker and provider. What keys
/// say is forgotten with them. Source: envoy.extensions.filters.http.jwt_authn.v3.JwtCacheConfig.
class TokenCache {
 public:
  TokenCache(size_t most_tokens, size_t most_bytes) : most_tokens_(most_tokens), most_bytes_(most_bytes) {}

  /// The keys that count from now on; null changes nothing.
  void use(const Jwks* keys) {
    if (keys == nullptr || keys == keys_) return;
    keys_ = keys;
    by_token_.clear();
    order_.clear();
  }
  /// Null if it is not there. Valid until the next call.
  const Jwt* find(std::string_view token) {
    const auto found = by_token_.find(token);
    if (found == by_token_.end()) return nullptr;
    order_.splice(order_.begin(), order_, found->second);
    return found->second->jwt.get();
  }
  void insert(std::string_view token, std::unique_ptr<const Jwt> jwt) {
    if (most_tokens_ == 0 || token.size() > most_bytes_) return;
    if (order_.size() == most_tokens_) {
      by_token_.erase(order_.back().token);
      order_.pop_back();
    }
    order_.push_front({std::string(token), std::move(jwt)});
    by_token_.emplace(order_.front().token, order_.begin());
  }

 private:
  struct Entry {
    std::string token;
    std::unique_ptr<const Jwt> jwt;
  };
  size_t most_tokens_;
  size_t most_bytes_;
  const Jwks* keys_ = nullptr;                                                  // compared only
  std::list<Entry> order_;                                                      // used last: first
  absl::flat_hash_map<std::string_view, std::list<Entry>::iterator> by_token_;  // views of the entries' own
};

}  // namespace remora::filters

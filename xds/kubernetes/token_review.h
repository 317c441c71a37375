#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kubernetes/api_client.h"

namespace remora::kubernetes {

/// Whom a service account's token stands for.
struct TokenOwner {
  std::string ns;
  std::string service_account;
  std::string pod;  ///< to which the token is bound; empty: to none
};

/// Asks the API server whom a bearer token stands for (authentication.k8s.io/v1 TokenReview), and remembers
/// its answers: until the token ends, at most a minute, since a token can be taken back before, and of at
/// most 4,096 tokens. Only hashes of tokens are kept. Control thread only, but for knows().
class TokenReview {
 public:
  using Reviewed = std::function<void(Result<TokenOwner>)>;

  /// Tokens must be made for `audience`. The client outlives this.
  TokenReview(ApiClient& client, std::string audience);
  TokenReview(const TokenReview&) = delete;
  TokenReview& operator=(const TokenReview&) = delete;

  /// Calls back once, perhaps from within: with the owner, or with what is wrong with the token or the
  /// review. Dropping the handle (null where it has called back) gives the review up. Tokens that are no JSON
  /// Web Tokens or longer than 8 KiB are refused unasked, and so are all while 256 reviews are under way.
  std::shared_ptr<void> review(const std::string& token, Reviewed done);

  /// Whether the token has been found good lately. Any thread.
  bool knows(const std::string& token) const;

 private:
  using Clock = std::chrono::system_clock;
  struct Known {
    TokenOwner owner;
    Clock::time_point until;
  };
  /// One question, whoever asks it.
  struct Question {
    std::shared_ptr<void> call;
    std::vector<std::weak_ptr<Reviewed>> waiting;
  };

  void answered(const std::string& hash, Clock::time_point expiry, const Result<ApiAnswer>& answer);
  Result<TokenOwner> judge(const Result<ApiAnswer>& answer) const;
  void remember(const std::string& hash, const TokenOwner& owner, Clock::time_point expiry);

  ApiClient& client_;
  const std::string audience_;
  std::map<std::string, Question> questions_;  // by the token's hash
  mutable std::mutex mutex_;                   // of what follows
  std::map<std::string, Known> known_;
};

}  // namespace remora::kubernetes

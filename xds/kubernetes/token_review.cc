#include "kubernetes/token_review.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <optional>

#include "istio/text/base64.h"
#include "kubernetes/wire.h"

namespace remora::kubernetes {
namespace {

namespace json = boost::json;

constexpr size_t kMaxToken = 8192;
constexpr size_t kMaxKnown = 4096;
constexpr size_t kMaxQuestions = 256;
constexpr std::chrono::minutes kMaxTrust{1};
constexpr std::string_view kAccountStart = "system:serviceaccount:";
constexpr const char* kPodName = "authentication.kubernetes.io/pod-name";

std::string hash_of(const std::string& token) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(token.data(), token.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

/// The members of an object that are objects themselves; an empty one where it is something else.
const json::object& object_in(const json::object& parent, std::string_view name) {
  static const json::object kNone;
  const json::value* value = parent.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : kNone;
}

std::string text_in(const json::object& parent, std::string_view name) {
  const json::value* value = parent.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::vector<std::string> texts_in(const json::object& parent, std::string_view name) {
  std::vector<std::string> texts;
  const json::value* value = parent.if_contains(name);
  if (value == nullptr || !value->is_array()) return texts;
  for (const json::value& item : value->get_array()) {
    if (item.is_string()) texts.emplace_back(item.get_string());
  }
  return texts;
}

/// When the token says that it ends; nothing where it is no JSON Web Token. Its word counts only once the
/// server has found it good.
std::optional<std::chrono::system_clock::time_point> expiry_of(const std::string& token) {
  const size_t first = token.find('.');
  const size_t second = first == std::string::npos ? first : token.find('.', first + 1);
  if (second == std::string::npos) return std::nullopt;
  const auto text = istio::decode_base64(std::string_view(token).substr(first + 1, second - first - 1));
  boost::system::error_code error;
  const json::value claims = text ? json::parse(*text, error) : json::value();
  if (!text || error || !claims.is_object()) return std::nullopt;
  const json::value* end = claims.get_object().if_contains("exp");
  if (end == nullptr || !end->is_int64()) return std::chrono::system_clock::time_point::max();
  return std::chrono::system_clock::from_time_t(end->get_int64());
}

Result<TokenOwner> owner_of(const json::object& user) {
  const std::string name = text_in(user, "username");
  const size_t colon = name.find(':', kAccountStart.size());
  if (!name.starts_with(kAccountStart) || colon == std::string::npos || colon + 1 == name.size()) {
    return Error{"the token is of \"" + name + "\", which is no service account"};
  }
  TokenOwner owner;
  owner.ns = name.substr(kAccountStart.size(), colon - kAccountStart.size());
  owner.service_account = name.substr(colon + 1);
  const auto pods = texts_in(object_in(user, "extra"), kPodName);
  if (pods.size() == 1) owner.pod = pods.front();
  return owner;
}

}  // namespace

TokenReview::TokenReview(ApiClient& client, std::string audience)
    : client_(client),
      audience_(std::move(audience)) {}

bool TokenReview::knows(const std::string& token) const {
  const std::string hash = hash_of(token);
  const std::scoped_lock lock(mutex_);
  const auto known = known_.find(hash);
  return known != known_.end() && Clock::now() < known->second.until;
}

std::shared_ptr<void> TokenReview::review(const std::string& token, Reviewed done) {
  const auto expiry = token.size() <= kMaxToken ? expiry_of(token) : std::nullopt;
  if (!expiry) {
    done(Error{"the bearer token is no service account's token"});
    return nullptr;
  }
  const std::string hash = hash_of(token);
  {
    std::unique_lock lock(mutex_);
    const auto known = known_.find(hash);
    if (known != known_.end() && Clock::now() < known->second.until) {
      const TokenOwner owner = known->second.owner;
      lock.unlock();
      done(owner);
      return nullptr;
    }
  }
  if (questions_.size() >= kMaxQuestions && !questions_.contains(hash)) {
    done(Error{"too many tokens are being reviewed: try again later"});
    return nullptr;
  }
  auto waiting = std::make_shared<Reviewed>(std::move(done));
  Question& question = questions_[hash];
  question.waiting.push_back(waiting);
  if (question.call != nullptr) return waiting;
  const json::object body{{"apiVersion", "authentication.k8s.io/v1"},
                          {"kind", "TokenReview"},
                          {"spec", {{"token", token}, {"audiences", json::array{audience_}}}}};
  ApiCall call{"POST", "/apis/authentication.k8s.io/v1/tokenreviews", json::serialize(body)};
  question.call = client_.call(std::move(call), [this, hash, expiry](const Result<ApiAnswer>& answer) {
    answered(hash, *expiry, answer);
  });
  return waiting;
}

void TokenReview::answered(const std::string& hash, Clock::time_point expiry,
                           const Result<ApiAnswer>& answer) {
  const auto question = questions_.extract(hash);
  const auto owner = judge(answer);
  if (owner.ok()) remember(hash, *owner, expiry);
  for (const auto& waiting : question.mapped().waiting) {
    if (const auto done = waiting.lock()) (*done)(owner);
  }
}

Result<TokenOwner> TokenReview::judge(const Result<ApiAnswer>& answer) const {
  if (!answer.ok()) return Error{"the token could not be reviewed: " + answer.error().message};
  if (!answer->ok()) {
    return Error{"the token could not be reviewed: " + read_refusal(answer->status, answer->body).message};
  }
  boost::system::error_code error;
  const json::value body = json::parse(answer->body, error);
  if (error || !body.is_object()) return Error{"the token could not be reviewed: the answer is no JSON"};
  const json::object& status = object_in(body.get_object(), "status");
  const json::value* good = status.if_contains("authenticated");
  if (good == nullptr || !good->is_bool() || !good->get_bool()) {
    const std::string why = text_in(status, "error");
    return Error{"the API server does not accept the token" + (why.empty() ? "" : ": " + why)};
  }
  // A server that knows no audiences would say nothing about them: then the token may be for anybody.
  const auto audiences = texts_in(status, "audiences");
  if (std::find(audiences.begin(), audiences.end(), audience_) == audiences.end()) {
    return Error{"the token is not for the audience " + audience_};
  }
  return owner_of(object_in(status, "user"));
}

void TokenReview::remember(const std::string& hash, const TokenOwner& owner, Clock::time_point expiry) {
  const auto now = Clock::now();
  const std::scoped_lock lock(mutex_);
  if (known_.size() >= kMaxKnown) {
    std::erase_if(known_, [&](const auto& entry) { return entry.second.until <= now; });
    if (known_.size() >= kMaxKnown) known_.clear();
  }
  known_[hash] = {owner, std::min<Clock::time_point>(expiry, now + kMaxTrust)};
}

}  // namespace remora::kubernetes

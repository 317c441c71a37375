#include "jwt_authn/jwks.h"

#include <algorithm>
#include <utility>

#include "jwt_authn/json.h"
#include "jwt_authn/jwk.h"

namespace remora::filters {
namespace {

constexpr size_t kEd25519Signature = 64;

/// Takes keys, and the first reason why one was left out, which is told if none is left.
struct Gatherer {
  std::vector<std::unique_ptr<const Jwk>>& keys;
  std::string first_fault;

  void add(Result<Jwk> key) {
    if (key.ok()) {
      keys.push_back(std::make_unique<const Jwk>(std::move(*key)));
    } else if (first_fault.empty()) {
      first_fault = key.error().message;
    }
  }
};

bool is_certificates(const MetadataValue::Object& json) {
  return !json.empty() && std::ranges::all_of(json, [](const auto& member) {
    return !member.first.empty() && member.second.string() != nullptr && !member.second.string()->empty();
  });
}

Result<void> gather(const MetadataValue::Object& json, Gatherer& out) {
  const auto keys = json.find("keys");
  if (keys == json.end()) {
    if (!is_certificates(json)) return Error{"Jwks does not have [keys] field"};
    if (json.size() > Jwks::kMaxKeys) return Error{"Jwks has too many keys"};
    for (const auto& [id, pem] : json) out.add(jwk_of_certificate(id, *pem.string()));
    return {};
  }
  const auto* list = std::get_if<MetadataValue::List>(&keys->second.value);
  if (list == nullptr) return Error{"[keys] in Jwks is not an array"};
  if (list->size() > Jwks::kMaxKeys) return Error{"Jwks has too many keys"};
  for (const MetadataValue& item : *list) {
    if (item.object() != nullptr) out.add(parse_jwk(*item.object()));
  }
  return {};
}

}  // namespace

Jwks::Jwks() = default;
Jwks::~Jwks() = default;

Result<std::shared_ptr<const Jwks>> Jwks::parse(std::string_view text) {
  if (text.size() > kMaxBytes) return Error{"Jwks is larger than 1 MiB"};
  const auto json = parse_json_object(text);
  if (!json) return Error{"Jwks is an invalid JSON"};
  std::shared_ptr<Jwks> out(new Jwks());
  Gatherer gatherer{out->keys_, {}};
  if (const auto gathered = gather(*json, gatherer); !gathered) return gathered.error();
  if (out->keys_.empty()) {
    return Error{std::string(text_of(JwtStatus::kNoValidKeys)) +
                 (gatherer.first_fault.empty() ? "" : ": " + gatherer.first_fault)};
  }
  return std::shared_ptr<const Jwks>(std::move(out));
}

JwtStatus Jwks::verify(const Jwt& jwt) const {
  bool matched = false;
  for (const auto& key : keys_) {
    if (!jwt.key_id.empty() && !key->id.empty() && key->id != jwt.key_id) continue;
    if (!key->algorithm.empty() && key->algorithm != jwt.algorithm) continue;
    matched = true;
    if (!key->fits(jwt.algorithm)) continue;
    if (key->kind == Jwk::Kind::kEd25519 && jwt.signature.size() != kEd25519Signature)
      return JwtStatus::kEd25519Length;
    if (verify_signature(*key, jwt.algorithm, jwt.signed_part, jwt.signature)) return JwtStatus::kOk;
  }
  return matched ? JwtStatus::kVerification : JwtStatus::kKeyMismatch;
}

}  // namespace remora::filters

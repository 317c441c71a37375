#include "jwt_authn/jwt.h"

#include <algorithm>
#include <array>
#include <utility>

#include "jwt_authn/json.h"

namespace remora::filters {
namespace {

constexpr std::array<std::string_view, 13> kAlgorithms = {"RS256", "RS384", "RS512", "PS256", "PS384",
                                                          "PS512", "ES256", "ES384", "ES512", "HS256",
                                                          "HS384", "HS512", "EdDSA"};

const MetadataValue* find(const MetadataValue::Object& object, std::string_view name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &found->second;
}

/// Absent is fine.
bool read_text(const MetadataValue::Object& object, std::string_view name, std::string& out) {
  const MetadataValue* value = find(object, name);
  if (value == nullptr) return true;
  if (value->string() == nullptr) return false;
  out = *value->string();
  return true;
}

struct TimeFaults {
  JwtStatus not_integer;
  JwtStatus not_positive;
};

JwtStatus read_time(const MetadataValue::Object& object, std::string_view name, TimeFaults faults,
                    uint64_t& out) {
  const MetadataValue* value = find(object, name);
  if (value == nullptr) return JwtStatus::kOk;
  const double* number = std::get_if<double>(&value->value);
  if (number == nullptr) return faults.not_integer;
  constexpr double kTooMuch = 9223372036854775808.0;  // 2^63
  if (!(*number >= 0 && *number < kTooMuch)) return faults.not_positive;
  out = static_cast<uint64_t>(*number);
  return JwtStatus::kOk;
}

bool read_audiences(const MetadataValue::Object& object, std::vector<std::string>& out) {
  const MetadataValue* value = find(object, "aud");
  if (value == nullptr) return true;
  if (value->string() != nullptr) {
    out.push_back(*value->string());
    return true;
  }
  const auto* list = std::get_if<MetadataValue::List>(&value->value);
  if (list == nullptr) return false;
  for (const MetadataValue& item : *list) {
    if (item.string() == nullptr) return false;
    out.push_back(*item.string());
  }
  return true;
}

JwtStatus read_header(std::string_view encoded, Jwt& out) {
  const auto text = decode_base64url(encoded);
  if (!text) return JwtStatus::kHeaderBase64;
  auto header = parse_json_object(*text);
  if (!header) return JwtStatus::kHeaderJson;
  out.header = std::move(*header);
  const MetadataValue* algorithm = find(out.header, "alg");
  if (algorithm == nullptr || algorithm->string() == nullptr) return JwtStatus::kHeaderAlgorithm;
  out.algorithm = *algorithm->string();
  if (std::ranges::find(kAlgorithms, out.algorithm) == kAlgorithms.end())
    return JwtStatus::kHeaderUnknownAlgorithm;
  return read_text(out.header, "kid", out.key_id) ? JwtStatus::kOk : JwtStatus::kHeaderKeyId;
}

JwtStatus read_times(Jwt& out) {
  using S = JwtStatus;
  auto status = read_time(out.payload, "iat", {S::kIssuedNotInteger, S::kIssuedNotPositive}, out.issued);
  if (status == S::kOk)
    status =
        read_time(out.payload, "nbf", {S::kNotBeforeNotInteger, S::kNotBeforeNotPositive}, out.not_before);
  if (status == S::kOk)
    status = read_time(out.payload, "exp", {S::kExpiryNotInteger, S::kExpiryNotPositive}, out.expires);
  return status;
}

JwtStatus read_payload(std::string_view encoded, Jwt& out) {
  const auto text = decode_base64url(encoded);
  if (!text) return JwtStatus::kPayloadBase64;
  auto payload = parse_json_object(*text);
  if (!payload) return JwtStatus::kPayloadJson;
  out.payload = std::move(*payload);
  if (!read_text(out.payload, "iss", out.issuer)) return JwtStatus::kIssuerNotString;
  if (!read_text(out.payload, "sub", out.subject)) return JwtStatus::kSubjectNotString;
  if (const auto status = read_times(out); status != JwtStatus::kOk) return status;
  std::string id;
  if (!read_text(out.payload, "jti", id)) return JwtStatus::kIdNotString;
  return read_audiences(out.payload, out.audiences) ? JwtStatus::kOk : JwtStatus::kAudienceNotString;
}

}  // namespace

JwtStatus parse_jwt(std::string_view token, Jwt& out) {
  constexpr auto kNone = std::string_view::npos;
  const size_t first = token.find('.');
  const size_t second = first == kNone ? first : token.find('.', first + 1);
  if (second == kNone || token.find('.', second + 1) != kNone || first == 0 || second == first + 1 ||
      second + 1 == token.size()) {
    return JwtStatus::kBadFormat;
  }
  out.signed_part = token.substr(0, second);
  out.payload_at = first + 1;
  auto status = read_header(token.substr(0, first), out);
  if (status == JwtStatus::kOk) status = read_payload(out.encoded_payload(), out);
  if (status != JwtStatus::kOk) return status;
  auto signature = decode_base64url(token.substr(second + 1));
  if (!signature) return JwtStatus::kSignatureBase64;
  out.signature = std::move(*signature);
  return JwtStatus::kOk;
}

JwtStatus Jwt::check_time(uint64_t now, uint64_t clock_skew) const {
  if (now + clock_skew < not_before) return JwtStatus::kNotYetValid;
  if (expires != 0 && now > expires + clock_skew) return JwtStatus::kExpired;
  return JwtStatus::kOk;
}

}  // namespace remora::filters

#include "jwt_authn/claims.h"

#include <absl/strings/escaping.h>

#include <algorithm>
#include <cmath>

namespace remora::filters {
namespace {

/// As Envoy writes them: whole numbers plainly, others with six digits behind the point.
std::string number_text(double number) {
  constexpr double kTooMuch = 18446744073709551616.0;  // 2^64
  if (number >= 0 && number < kTooMuch && number == std::trunc(number))
    return std::to_string(static_cast<uint64_t>(number));
  return std::to_string(number);
}

const MetadataValue* find_claim(const MetadataValue::Object& payload, const std::vector<std::string>& path) {
  const auto first = payload.find(path.front());
  const MetadataValue* at = first == payload.end() ? nullptr : &first->second;
  for (size_t i = 1; i < path.size() && at != nullptr; ++i) at = at->find(path[i]);
  return at;
}

std::string header_text(const MetadataValue& claim) {
  if (claim.string() != nullptr) return *claim.string();
  if (const double* number = std::get_if<double>(&claim.value)) return number_text(*number);
  if (const bool* flag = std::get_if<bool>(&claim.value)) return *flag ? "true" : "false";
  if (std::holds_alternative<std::monostate>(claim.value)) return {};
  std::string json;
  claim.append_json(json);
  std::string encoded;  // padded, unlike the parts of a token
  absl::Base64Escape(json, &encoded);
  std::ranges::replace(encoded, '+', '-');
  std::ranges::replace(encoded, '/', '_');
  return encoded;
}

/// Claims are somebody else's texts: what no header may hold does not become one.
bool fits_header(const std::string& text) {
  return !text.empty() && std::ranges::none_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
  });
}

MetadataValue::List words_of(std::string_view text) {
  MetadataValue::List words;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (!word.empty()) words.emplace_back().value = std::string(word);
  }
  return words;
}

}  // namespace

void add_claim_headers(const JwtProvider& provider, const Jwt& jwt, HeaderMap& head) {
  if (!provider.payload_header.empty()) {
    std::string payload(jwt.encoded_payload());
    while (provider.pad_payload && payload.size() % 4 != 0) payload += '=';
    head.set(provider.payload_header, payload);  // of several tokens, the last one's, as in Envoy
  }
  for (const auto& wanted : provider.claim_headers) {
    const MetadataValue* claim = find_claim(jwt.payload, wanted.claim);
    if (claim == nullptr) continue;
    if (const std::string text = header_text(*claim); fits_header(text)) head.add(wanted.header, text);
  }
}

MetadataValue::Object metadata_of(const JwtProvider& provider, const Jwt& jwt) {
  MetadataValue::Object payload = jwt.payload;
  for (const std::string& name : provider.space_delimited) {
    const auto claim = payload.find(name);
    if (claim != payload.end() && claim->second.string() != nullptr)
      claim->second.value = words_of(*claim->second.string());
  }
  return payload;
}

}  // namespace remora::filters

#include "identity/join_tokens.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>
#include <functional>
#include <optional>
#include <sstream>

#include "identity/authority_files.h"

namespace remora::identity {
namespace {

constexpr size_t kMinTokenLength = 16;

struct Line {
  std::string token;
  JoinTokens::Grant grant;
};

/// Nothing for lines that do not count.
Result<std::optional<Line>> parse_line(const std::string& text) {
  std::istringstream words(text);
  std::string token;
  std::string who;
  std::string more;
  words >> token >> who >> more;
  if (token.empty() || token.starts_with('#')) return std::optional<Line>();
  if (token.size() < kMinTokenLength) return Error{"a token has at least 16 characters"};
  if (!more.empty()) return Error{"has more than a token and NAMESPACE/SERVICE-ACCOUNT"};
  if (who.empty()) return std::optional(Line{token, {.anybody = true}});
  const size_t slash = who.find('/');
  if (slash == std::string::npos) return Error{"\"" + who + "\" is not NAMESPACE/SERVICE-ACCOUNT"};
  const auto id =
      istio::make_spiffe_id(istio::kDefaultTrustDomain, who.substr(0, slash), who.substr(slash + 1));
  if (!id.ok()) return Error{id.error()};
  return std::optional(Line{token, {false, id->ns, id->service_account}});
}

/// Shows every line that counts to `take`.
Result<void> each_line(const std::string& path, const std::function<void(const Line&)>& take) {
  const auto text = read_file(path);
  if (!text.ok()) return Error{text.error()};
  std::istringstream lines(*text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const auto parsed = parse_line(line);
    if (!parsed.ok()) return Error{path + ':' + std::to_string(number) + ": " + parsed.error().message};
    if (*parsed) take(**parsed);
  }
  return {};
}

/// Takes as long wherever the texts differ.
bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

Result<void> JoinTokens::check() const {
  return each_line(path_, [](const Line&) {});
}

Result<JoinTokens::Grant> JoinTokens::find(std::string_view token) const {
  std::optional<Grant> found;
  const auto read = each_line(path_, [&](const Line& line) {
    if (same_secret(line.token, token)) found = line.grant;
  });
  if (!read.ok()) return Error{read.error()};
  if (!found) return Error{"the token is none of " + path_};
  return *found;
}

std::string make_token() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<unsigned char, 32> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return {};
  std::string text;
  for (const unsigned char byte : bytes) text.append(1, kDigits[byte >> 4U]).append(1, kDigits[byte & 15U]);
  return text;
}

}  // namespace remora::identity

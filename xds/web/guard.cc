#include "web/guard.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/beast/core/detail/base64.hpp>
#include <boost/beast/core/string.hpp>
#include <fstream>

#include "web/listen_address.h"

namespace remora::web {
namespace {

using boost::beast::http::field;

std::string_view header(const Headers& headers, field name) {
  const auto value = headers[name];
  return {value.data(), value.size()};
}

std::string_view trimmed(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(" \t\r\n") - start + 1);
}

/// What follows the scheme's name in an Authorization header, or nothing.
std::string_view after_scheme(std::string_view value, std::string_view scheme) {
  if (value.size() <= scheme.size() || value[scheme.size()] != ' ') return {};
  if (!boost::beast::iequals({value.data(), scheme.size()}, {scheme.data(), scheme.size()})) return {};
  return trimmed(value.substr(scheme.size()));
}

/// The password of Basic credentials: how a browser, which asks its user, can send a token.
std::string basic_password(std::string_view encoded) {
  namespace base64 = boost::beast::detail::base64;
  std::string text(encoded.size(), '\0');  // decoded_size() counts whole groups only
  text.resize(base64::decode(text.data(), encoded.data(), encoded.size()).first);
  const size_t colon = text.find(':');
  return colon == std::string::npos ? std::string() : text.substr(colon + 1);
}

std::array<unsigned char, 32> digest(std::string_view text) {
  std::array<unsigned char, 32> out{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data());
  return out;
}

int64_t time_of_change(const std::string& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return 0;
  return status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
}

Response forbidden(std::string message) { return {403, "text/plain; charset=utf-8", std::move(message)}; }

/// A page of another site, open in a browser of this machine, could otherwise use the API in its user's name.
std::optional<Response> refuse_foreign_page(const Headers& headers) {
  const std::string_view origin = header(headers, field::origin);
  if (origin.empty()) return std::nullopt;
  const size_t scheme = origin.find("://");
  if (scheme != std::string_view::npos && origin.substr(scheme + 3) == header(headers, field::host)) {
    return std::nullopt;
  }
  return forbidden("requests of pages from " + std::string(origin) + " are not answered\n");
}

Response unauthorized() {
  Response response{401, "text/plain; charset=utf-8", "a bearer token or a client certificate is required\n"};
  response.headers.insert(field::www_authenticate, "Bearer realm=\"remora\"");
  response.headers.insert(field::www_authenticate, "Basic realm=\"remora (the password is a token)\"");
  return response;
}

}  // namespace

Result<Guard> Guard::make(const Access& access, bool loopback) {
  if (access.anyone) {
    Guard open;
    open.anyone_ = true;
    return open;
  }
  const bool certificates = !access.client_ca_file.empty();
  if (!loopback && access.token_file.empty() && !certificates) {
    return Error{
        "an address that other machines can reach needs a file of bearer tokens or a client CA: nothing is "
        "open by default"};
  }
  Guard guard;
  guard.required_ = !access.token_file.empty() || certificates;
  guard.hosts_ = access.hosts;
  guard.token_file_ = access.token_file;
  if (!access.token_file.empty()) {
    const auto read = guard.read_tokens();
    if (!read.ok()) return Error{read.error()};
  }
  return guard;
}

std::optional<Response> Guard::refuse(const Headers& headers, bool certified) {
  if (anyone_) return std::nullopt;
  // Browsers send certificates and passwords that they know by themselves, so this counts with these as well.
  if (auto foreign = refuse_foreign_page(headers)) return foreign;
  if (required_) return has_credentials(headers, certified) ? std::nullopt : std::optional(unauthorized());
  // A foreign name that resolves to loopback (DNS rebinding) makes a foreign page look like one of ours.
  const std::string_view host = header(headers, field::host);
  if (names_loopback(host)) return std::nullopt;
  const std::string_view name = host.substr(0, host.rfind(':'));
  const auto is_it = [&](const std::string& own) {
    return boost::beast::iequals({name.data(), name.size()}, own);
  };
  if (std::any_of(hosts_.begin(), hosts_.end(), is_it)) return std::nullopt;
  return forbidden("Host is \"" + std::string(host) +
                   "\": without a token, requests are answered under loopback names only\n");
}

bool Guard::has_credentials(const Headers& headers, bool certified) {
  if (certified) return true;
  const std::string_view value = header(headers, field::authorization);
  if (const std::string_view token = after_scheme(value, "Bearer"); !token.empty()) return knows(token);
  if (const std::string_view basic = after_scheme(value, "Basic"); !basic.empty()) {
    return knows(basic_password(basic));
  }
  return false;
}

bool Guard::knows(std::string_view token) {
  reread_tokens();
  const Digest asked = digest(token);
  bool known = false;
  for (const Digest& have : tokens_) {
    known |= CRYPTO_memcmp(have.data(), asked.data(), asked.size()) == 0;
  }
  return known && !token.empty();
}

/// Tokens can be changed without a restart. A file that is gone or empty leaves the last ones in force.
void Guard::reread_tokens() {
  if (token_file_.empty() || time_of_change(token_file_) == tokens_changed_) return;
  const auto read = read_tokens();
  (void)read;
}

Result<void> Guard::read_tokens() {
  const int64_t changed = time_of_change(token_file_);
  std::ifstream file(token_file_);
  if (!file) return Error{"cannot read the token file " + token_file_};
  std::vector<Digest> tokens;
  for (std::string line; std::getline(file, line);) {
    const std::string_view token = trimmed(line);
    if (!token.empty() && !token.starts_with('#')) tokens.push_back(digest(token));
  }
  if (tokens.empty()) return Error{"the token file " + token_file_ + " has no token in it"};
  tokens_ = std::move(tokens);
  tokens_changed_ = changed;
  return {};
}

}  // namespace remora::web

#include "istio/model/spiffe_id.h"

#include <algorithm>

namespace remora::istio {
namespace {

constexpr std::string_view kScheme = "spiffe://";
constexpr size_t kMaxTrustDomain = 255;
constexpr size_t kMaxUri = 2048;

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_segment_character(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
}

/// One step of a SPIFFE path. Dots alone would be a way up or nowhere.
bool is_segment(std::string_view text) {
  return !text.empty() && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), is_segment_character);
}

/// What stands before the next '/', which is taken away with it; everything where there is none.
std::string_view take_segment(std::string_view& rest) {
  const size_t slash = rest.find('/');
  const std::string_view segment = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  return segment;
}

}  // namespace

bool is_trust_domain(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTrustDomain && std::all_of(text.begin(), text.end(), [](char c) {
    return is_lower_or_digit(c) || c == '-' || c == '_' || c == '.';
  });
}

std::string SpiffeId::uri() const {
  return std::string(kScheme)
      .append(trust_domain)
      .append("/ns/")
      .append(ns)
      .append("/sa/")
      .append(service_account);
}

Result<SpiffeId> make_spiffe_id(std::string trust_domain, std::string ns, std::string service_account) {
  if (!is_trust_domain(trust_domain)) return Error{"\"" + trust_domain + "\" is no SPIFFE trust domain"};
  if (!is_segment(ns)) return Error{"\"" + ns + "\" is no namespace that a SPIFFE ID can name"};
  if (!is_segment(service_account)) {
    return Error{"\"" + service_account + "\" is no service account that a SPIFFE ID can name"};
  }
  SpiffeId id{std::move(trust_domain), std::move(ns), std::move(service_account)};
  if (id.uri().size() > kMaxUri) return Error{"a SPIFFE ID has at most 2048 characters"};
  return id;
}

Result<SpiffeId> parse_spiffe_id(std::string_view uri) {
  const Error fault{"\"" + std::string(uri) +
                    "\" is not spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT"};
  if (!uri.starts_with(kScheme)) return fault;
  std::string_view rest = uri.substr(kScheme.size());
  const std::string_view trust_domain = take_segment(rest);
  if (take_segment(rest) != "ns") return fault;
  const std::string_view ns = take_segment(rest);
  if (take_segment(rest) != "sa") return fault;
  auto id = make_spiffe_id(std::string(trust_domain), std::string(ns), std::string(rest));
  if (!id.ok()) return fault;
  return id;
}

}  // namespace remora::istio

#include "client_cert_header.h"

#include <algorithm>
#include <string_view>

namespace remora {
namespace {

using Details = HttpConnectionManagerConfig::ClientCertDetails;

void append_key(std::string_view key, std::string& out) {
  if (!out.empty()) out += ';';
  out.append(key).append(1, '=');
}

/// In double quotes, whatever it holds: the certificate's owner must not be able to end the value.
void append_quoted(std::string_view value, std::string& out) {
  out += '"';
  for (const char c : value) {
    if (c == '"') out += '\\';
    out += c;
  }
  out += '"';
}

/// As it is, if nothing in it could be taken for the end of the value, of the pair or of the element.
void append_value(std::string_view value, std::string& out) {
  if (value.find_first_of(",;=\"") == std::string_view::npos) {
    out += value;
  } else {
    append_quoted(value, out);
  }
}

void append_pair(std::string_view key, std::string_view value, std::string& out) {
  append_key(key, out);
  append_value(value, out);
}

/// A distinguished name of RFC 2253 has its quotes and backslashes escaped already.
void append_subject(std::string_view subject, std::string& out) {
  append_key("Subject", out);
  out.append(1, '"').append(subject).append(1, '"');
}

std::string make_element(const TlsInfo& tls, const Details& details) {
  std::string out;
  const CertificateInfo& peer = *tls.peer;
  if (tls.local && !tls.local->uri_sans.empty()) append_pair("By", tls.local->uri_sans.front(), out);
  append_pair("Hash", peer.sha256, out);
  if (details.cert) {
    append_key("Cert", out);
    append_quoted(peer.pem, out);
  }
  if (details.chain) {
    append_key("Chain", out);
    append_quoted(peer.chain_pem, out);
  }
  if (details.subject) append_subject(peer.subject, out);
  // The key stays even where the certificate has no URI: readers may count on it.
  if (details.uri)
    append_pair("URI", peer.uri_sans.empty() ? "" : std::string_view(peer.uri_sans.front()), out);
  if (details.dns) {
    for (const auto& name : peer.dns_sans) append_pair("DNS", name, out);
  }
  return out;
}

bool operator==(const Details& a, const Details& b) {
  return a.subject == b.subject && a.cert == b.cert && a.chain == b.chain && a.dns == b.dns && a.uri == b.uri;
}

void append_element(HeaderMap& head, std::string_view element) {
  const auto old = head.value_of(HeaderId::kXForwardedClientCert);
  if (old.empty()) {
    head.set(HeaderId::kXForwardedClientCert, element);
    return;
  }
  char* joined = head.allocate(old.size() + 1 + element.size());
  char* end = std::copy(old.begin(), old.end(), joined);
  *end++ = ',';
  end = std::copy(element.begin(), element.end(), end);
  head.set(HeaderId::kXForwardedClientCert, std::string_view(joined, static_cast<size_t>(end - joined)));
}

}  // namespace

const std::string& ClientCertElement::text(const TlsInfo& tls, const Details& details) {
  if (text_.empty() || !(details == details_)) {
    details_ = details;
    text_ = make_element(tls, details);
  }
  return text_;
}

void forward_client_cert(HeaderMap& head, const HttpConnectionManagerConfig& config, const TlsInfo* tls,
                         ClientCertElement& element) {
  using Forward = HttpConnectionManagerConfig::ForwardClientCert;
  const auto mode = config.forward_client_cert;
  if (mode == Forward::kAlwaysForwardOnly) return;
  // Without a client certificate nobody vouches for who wrote the header.
  const bool vouched = tls != nullptr && tls->peer_presented && tls->peer != nullptr;
  if (mode == Forward::kSanitize || !vouched) {
    head.remove(HeaderId::kXForwardedClientCert);
    return;
  }
  if (mode == Forward::kForwardOnly) return;
  const auto& own = element.text(*tls, config.client_cert_details);
  if (mode == Forward::kSanitizeSet) {
    head.set(HeaderId::kXForwardedClientCert, own);
  } else {
    append_element(head, own);
  }
}

}  // namespace remora

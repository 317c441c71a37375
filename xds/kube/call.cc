#include "kube/call.h"

#include <boost/json/serialize.hpp>

#include "kube/status.h"

namespace remora::kube {
namespace {

constexpr size_t kMaxWarnings = 32;
constexpr size_t kMaxWarningLength = 512;

/// As a quoted string of RFC 9110, with nothing in it that could end the header.
std::string quoted(std::string_view text) {
  if (text.size() > kMaxWarningLength) {
    size_t end = kMaxWarningLength;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
      --end;  // not inside a character
    text = text.substr(0, end);
  }
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return out + '"';
}

}  // namespace

std::string Call::header(std::string_view name) const {
  const auto value = request_.headers[{name.data(), name.size()}];
  return {value.data(), value.size()};
}

bool Call::flag(std::string_view name) const {
  if (!request_.has_query(name)) return false;
  const std::string value = request_.query(name);
  return value != "false" && value != "0";
}

web::Headers Call::warning_headers() const {
  web::Headers headers;
  for (size_t i = 0; i < std::min(warnings_.size(), kMaxWarnings); ++i) {
    headers.insert(boost::beast::http::field::warning, "299 - " + quoted(warnings_[i]));
  }
  return headers;
}

void Call::answer(unsigned status, const boost::json::object& body) {
  const std::string type = accept.content_type.empty() ? "application/json" : accept.content_type;
  responder_->respond({status, type, boost::json::serialize(body) + '\n', warning_headers()});
}

void Call::answer_text(unsigned status, std::string text) {
  responder_->respond({status, "text/plain; charset=utf-8", std::move(text), warning_headers()});
}

void Call::refuse(const Refusal& refusal) {
  const auto code = static_cast<unsigned>(refusal.code);
  const std::string body = boost::json::serialize(failure_status(refusal, target)) + '\n';
  responder_->respond({code, "application/json", body, warning_headers()});
}

web::Response Call::stream_head() const { return {200, "application/json", "", warning_headers()}; }

}  // namespace remora::kube

#include "http/h1_writer.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace remora {
namespace {

// Not memcpy: an empty value may have no address at all.
char* put(char* at, std::string_view text) { return std::copy(text.begin(), text.end(), at); }

char* put_proper(char* at, std::string_view name) {
  bool start = true;
  for (const char c : name) {
    *at++ = start && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    start = c == '-';
  }
  return at;
}

}  // namespace

std::string_view reason_phrase(uint16_t status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 102: return "Processing";
    case 103: return "Early Hints";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 203: return "Non-Authoritative Information";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 207: return "Multi-Status";
    case 208: return "Already Reported";
    case 226: return "IM Used";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 305: return "Use Proxy";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Payload Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Entity";
    case 423: return "Locked";
    case 424: return "Failed Dependency";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 506: return "Variant Also Negotiates";
    case 507: return "Insufficient Storage";
    case 508: return "Loop Detected";
    case 511: return "Network Authentication Required";
    default: return "Unknown";
  }
}

void write_status_line(ByteQueue& out, const HeaderMap& head) {
  const uint16_t status = head.status();
  const auto phrase = head.reason().empty() ? reason_phrase(status) : head.reason();
  char* const start = out.reserve(16 + phrase.size());
  char* at = put(start, "HTTP/1.1 ");
  at = std::to_chars(at, at + 5, status).ptr;
  *at++ = ' ';
  at = put(at, phrase);
  at = put(at, "\r\n");
  out.commit(static_cast<size_t>(at - start));
}

void write_request_line(ByteQueue& out, const HeaderMap& head) {
  const auto method = head.method();
  const auto target = method == "CONNECT" ? head.authority() : head.path();
  char* const start = out.reserve(method.size() + target.size() + 12);
  char* at = put(start, method);
  *at++ = ' ';
  at = put(at, target);
  at = put(at, " HTTP/1.1\r\n");
  out.commit(static_cast<size_t>(at - start));
}

void write_fields(ByteQueue& out, const HeaderMap& headers, HeaderCase::Style style, bool with_host) {
  for (const auto& field : headers.fields()) {
    if (field.id > HeaderId::kStatus) {
      write_field(out, headers, field.name, field.value, style);
    } else if (field.id == HeaderId::kAuthority && with_host) {
      write_field(out, headers, "host", field.value, style);
    }
  }
}

void write_field(ByteQueue& out, const HeaderMap& headers, std::string_view name, std::string_view value,
                 HeaderCase::Style style) {
  if (const auto others = headers.style_of_others()) {
    const auto spelling = headers.spelling(name);
    style = spelling.empty() ? *others : HeaderCase::Style::kLower;
    if (!spelling.empty()) name = spelling;
  }
  char* const start = out.reserve(name.size() + value.size() + 4);
  char* at = style == HeaderCase::Style::kProper ? put_proper(start, name) : put(start, name);
  at = put(at, ": ");
  at = put(at, value);
  at = put(at, "\r\n");
  out.commit(static_cast<size_t>(at - start));
}

bool BodyWriter::write(Connection& out, BodyChunk chunk) {
  if (chunk.bytes.empty()) return true;
  const size_t size = chunk.bytes.size();
  switch (framing_.kind) {
    case Framing::Kind::kNone: return false;
    case Framing::Kind::kLength:
      if (written_ + size > framing_.length) return false;
      written_ += size;
      out.write(std::move(chunk));
      return true;
    case Framing::Kind::kChunked: {
      char head[20];
      auto* end = std::to_chars(head, head + 16, size, 16).ptr;
      end = put(end, "\r\n");
      out.output().append({head, static_cast<size_t>(end - head)});
      out.write(std::move(chunk));
      out.output().append("\r\n");
      return true;
    }
    case Framing::Kind::kUntilClose:
    case Framing::Kind::kTunnel: out.write(std::move(chunk)); return true;
  }
  return false;
}

bool BodyWriter::finish(Connection& out, const HeaderMap* trailers, HeaderCase::Style style) {
  if (framing_.kind == Framing::Kind::kLength) return written_ == framing_.length;
  if (framing_.kind != Framing::Kind::kChunked) return true;
  out.output().append("0\r\n");
  if (trailers != nullptr) write_fields(out.output(), *trailers, style, false);
  out.output().append("\r\n");
  out.flush_soon();
  return true;
}

}  // namespace remora

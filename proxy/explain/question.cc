#include "explain/question.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include <fmt/format.h>
#include <boost/json.hpp>

namespace remora::explain {
namespace {

namespace json = boost::json;

constexpr size_t kMaxDepth = 32;
constexpr size_t kMaxHeaders = 1000;
constexpr size_t kMaxListed = 10000;
constexpr std::string_view kJwtFilter = "envoy.filters.http.jwt_authn";

/// Reads values and remembers the first thing that is wrong, with the field's name.
class Reader {
 public:
  void fail(const std::string& field, std::string_view what) {
    if (!error_) error_ = Error{field.empty() ? std::string(what) : field + ": " + std::string(what)};
  }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

  std::string text(const json::value& value, const std::string& field) {
    if (value.is_string()) return std::string(value.get_string());
    fail(field, "must be a string");
    return {};
  }
  bool flag(const json::value& value, const std::string& field) {
    if (value.is_bool()) return value.get_bool();
    fail(field, "must be true or false");
    return false;
  }
  uint64_t number(const json::value& value, const std::string& field, uint64_t most) {
    boost::system::error_code failed;
    const auto read = value.is_number() ? value.to_number<uint64_t>(failed) : uint64_t{0};
    if (!value.is_number() || failed || read > most)
      fail(field, fmt::format("must be a whole number from 0 to {}", most));
    return read;
  }
  /// Calls `visit(item, field)` for each.
  template <typename Visit>
  void list(const json::value& value, const std::string& field, Visit visit) {
    if (!value.is_array()) return fail(field, "must be a list");
    if (value.get_array().size() > kMaxHeaders)
      return fail(field, fmt::format("has more than {} items", kMaxHeaders));
    for (size_t i = 0; i < value.get_array().size(); ++i)
      visit(value.get_array()[i], field + "[" + std::to_string(i) + "]");
  }
  /// Calls `visit(name, value, field)` for each member.
  template <typename Visit>
  void object(const json::value& value, const std::string& field, Visit visit) {
    if (!value.is_object()) return fail(field, "must be an object");
    if (value.get_object().size() > kMaxHeaders)
      return fail(field, fmt::format("has more than {} members", kMaxHeaders));
    for (const auto& member : value.get_object()) {
      const std::string name(member.key());
      visit(name, member.value(), field.empty() ? name : field + "." + name);
    }
  }

 private:
  std::optional<Error> error_;
};

MetadataValue to_metadata(const json::value& value) {  // NOLINT: the parser bounds the depth
  MetadataValue out;
  switch (value.kind()) {
    case json::kind::null: break;
    case json::kind::bool_: out.value = value.get_bool(); break;
    case json::kind::int64: out.value = static_cast<double>(value.get_int64()); break;
    case json::kind::uint64: out.value = static_cast<double>(value.get_uint64()); break;
    case json::kind::double_: out.value = value.get_double(); break;
    case json::kind::string: out.value = std::string(value.get_string()); break;
    case json::kind::array: {
      MetadataValue::List list;
      for (const auto& item : value.get_array()) list.push_back(to_metadata(item));
      out.value = std::move(list);
      break;
    }
    case json::kind::object: {
      MetadataValue::Object object;
      for (const auto& member : value.get_object())
        object[std::string(member.key())] = to_metadata(member.value());
      out.value = std::move(object);
    }
  }
  return out;
}

bool is_token(std::string_view name) {
  static constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || kOthers.find(c) != std::string_view::npos;
  });
}

class Parser {
 public:
  Result<Question> parse(std::string_view text);

 private:
  using Field = void (Parser::*)(const json::value& value, const std::string& field);
  struct Known {
    std::string_view name;
    Field read;
  };
  static const std::array<Known, 20> kFields;

  Address address(const json::value& value, const std::string& field);
  void add_header(std::string name, const json::value& value, const std::string& field);
  void add_checked(const std::string& name, const std::string& value, const std::string& field);
  void finish();

  void listener(const json::value& v, const std::string& f) { out_.listener = read_.text(v, f); }
  void destination(const json::value& v, const std::string& f) { out_.destination = address(v, f); }
  void source(const json::value& v, const std::string& f) { out_.source = address(v, f); }
  void direction(const json::value& v, const std::string& f) {
    out_.direction = read_.text(v, f);
    if (*out_.direction != "INBOUND" && *out_.direction != "OUTBOUND")
      read_.fail(f, "must be INBOUND or OUTBOUND");
  }
  void tls(const json::value& v, const std::string& f) { out_.tls = read_.flag(v, f); }
  void http2(const json::value& v, const std::string& f) { out_.http2 = read_.flag(v, f); }
  void server_name(const json::value& v, const std::string& f) {
    out_.server_name = read_.text(v, f);
    for (char& c : out_.server_name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  }
  void application_protocols(const json::value& v, const std::string& f) {
    read_.list(v, f, [this](const json::value& item, const std::string& at) {
      out_.application_protocols.push_back(read_.text(item, at));
    });
  }
  void method(const json::value& v, const std::string& f) { method_ = read_.text(v, f); }
  void authority(const json::value& v, const std::string& f) { authority_ = read_.text(v, f); }
  void path(const json::value& v, const std::string& f) { path_ = read_.text(v, f); }
  void headers(const json::value& v, const std::string& f);
  void cookies(const json::value& v, const std::string& f) {
    read_.object(v, f, [this](const std::string& name, const json::value& value, const std::string& at) {
      cookies_.append(cookies_.empty() ? "" : "; ").append(name).append("=").append(read_.text(value, at));
    });
  }
  void dynamic_metadata(const json::value& v, const std::string& f) {
    read_.object(v, f, [this](const std::string& name, const json::value& value, const std::string& at) {
      if (!value.is_object()) return read_.fail(at, "must be an object");
      out_.metadata.filters[name] = to_metadata(value);
    });
  }
  void jwt_payload(const json::value& v, const std::string& f) {
    if (!v.is_object()) return read_.fail(f, "must be an object");
    auto& filter = out_.metadata.filters[std::string(kJwtFilter)];
    if (filter.object() == nullptr) filter.value = MetadataValue::Object();
    std::get<MetadataValue::Object>(filter.value)["payload"] = to_metadata(v);
  }
  void filter_state(const json::value& v, const std::string& f) {
    read_.object(v, f, [this](const std::string& name, const json::value& value, const std::string& at) {
      out_.filter_state.set(name, read_.text(value, at), true);
    });
  }
  void client_certificate(const json::value& v, const std::string& f) {
    read_.object(v, f, [this](const std::string& name, const json::value& value, const std::string& at) {
      if (name == "presented") {
        out_.tls_info.peer_presented = read_.flag(value, at);
      } else if (name == "validated") {
        out_.tls_info.peer_validated = read_.flag(value, at);
      } else {
        read_.fail(at, "is not known");
      }
    });
  }
  void random(const json::value& v, const std::string& f) { out_.random = read_.number(v, f, UINT64_MAX); }
  void most_routes(const json::value& v, const std::string& f) {
    out_.most_routes = read_.number(v, f, kMaxListed);
  }
  void most_endpoints(const json::value& v, const std::string& f) {
    out_.most_endpoints = read_.number(v, f, kMaxListed);
  }

  Reader read_;
  Question out_;
  std::string method_ = "GET";
  std::string authority_;
  std::string path_ = "/";
  std::string cookies_;
  size_t headers_ = 0;
};

constexpr std::array<Parser::Known, 20> Parser::kFields{{
    {"listener", &Parser::listener},
    {"destination", &Parser::destination},
    {"source", &Parser::source},
    {"direction", &Parser::direction},
    {"tls", &Parser::tls},
    {"http2", &Parser::http2},
    {"server_name", &Parser::server_name},
    {"application_protocols", &Parser::application_protocols},
    {"method", &Parser::method},
    {"authority", &Parser::authority},
    {"path", &Parser::path},
    {"headers", &Parser::headers},
    {"cookies", &Parser::cookies},
    {"dynamic_metadata", &Parser::dynamic_metadata},
    {"jwt_claims", &Parser::jwt_payload},
    {"filter_state", &Parser::filter_state},
    {"client_certificate", &Parser::client_certificate},
    {"random_value", &Parser::random},
    {"max_routes", &Parser::most_routes},
    {"max_endpoints", &Parser::most_endpoints},
}};

/// {"address": "10.0.0.1", "port": 80}
Address Parser::address(const json::value& value, const std::string& field) {
  std::string host;
  uint64_t port = 0;
  read_.object(value, field, [&](const std::string& name, const json::value& member, const std::string& at) {
    if (name == "address") {
      host = read_.text(member, at);
    } else if (name == "port") {
      port = read_.number(member, at, 65535);
    } else {
      read_.fail(at, "is not known");
    }
  });
  auto made = Address::ip(host.empty() ? "0.0.0.0" : host, static_cast<uint16_t>(port));
  if (!made) read_.fail(field + ".address", made.error().message);
  return made ? *made : Address();
}

void Parser::headers(const json::value& value, const std::string& field) {
  if (value.is_object()) {
    read_.object(value, field,
                 [this](const std::string& name, const json::value& member, const std::string& at) {
                   add_header(name, member, at);
                 });
    return;
  }
  read_.list(value, field, [this](const json::value& item, const std::string& at) {
    std::string name;
    const json::value* text = nullptr;
    read_.object(item, at, [&](const std::string& key, const json::value& member, const std::string& where) {
      if (key == "name") {
        name = read_.text(member, where);
      } else if (key == "value") {
        text = &member;
      } else {
        read_.fail(where, "is not known");
      }
    });
    if (name.empty()) return read_.fail(at + ".name", "is missing");
    if (text == nullptr) return read_.fail(at + ".value", "is missing");
    add_header(std::move(name), *text, at);
  });
}

/// A value, or a list of values of a header that is there more than once.
void Parser::add_header(std::string name, const json::value& value, const std::string& field) {
  for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  if (!value.is_array()) return add_checked(name, read_.text(value, field), field);
  read_.list(value, field, [&](const json::value& item, const std::string& at) {
    add_checked(name, read_.text(item, at), at);
  });
}

void Parser::add_checked(const std::string& name, const std::string& value, const std::string& field) {
  if (name == "host") {
    authority_ = value;
    return;
  }
  if (!is_token(name)) return read_.fail(field, "'" + name + "' is no header name");
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
    return read_.fail(field, "no header value may have CR, LF or NUL");
  if (++headers_ > kMaxHeaders)
    return read_.fail(field, fmt::format("there are more than {} headers", kMaxHeaders));
  out_.head.add(name, value);
}

void Parser::finish() {
  if (!path_.empty() && path_.front() != '/' && path_ != "*") read_.fail("path", "must begin with '/'");
  for (const char c : path_) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f)
      read_.fail("path", "may only have visible ASCII characters");
  }
  if (method_.empty()) read_.fail("method", "is empty");
  HeaderMap fields;
  fields.swap(out_.head);
  out_.head.add(HeaderId::kMethod, method_);
  if (!path_.empty()) out_.head.add(HeaderId::kPath, path_);
  if (!authority_.empty()) out_.head.add(HeaderId::kAuthority, authority_);
  for (const auto& field : fields.fields()) out_.head.add(field.name, field.value);
  if (!cookies_.empty()) {
    const auto old = out_.head.get(HeaderId::kCookie);
    out_.head.set(HeaderId::kCookie, old ? std::string(*old) + "; " + cookies_ : cookies_);
  }
  if (out_.source.empty()) out_.source = Address::ip("127.0.0.1", 0).value();
}

Result<Question> Parser::parse(std::string_view text) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code failed;
  const auto root = json::parse({text.data(), text.size()}, failed, {}, options);
  if (failed) return Error{"the question is no JSON: " + failed.message()};
  read_.object(root, "", [this](const std::string& name, const json::value& value, const std::string& field) {
    const auto* known = std::ranges::find(kFields, std::string_view(name), &Known::name);
    if (known == kFields.end() || known->read == nullptr) return read_.fail(field, "is not known");
    (this->*known->read)(value, field);
  });
  if (!read_.error()) finish();
  if (read_.error()) return *read_.error();
  return std::move(out_);
}

}  // namespace

Result<Question> parse_question(std::string_view text) { return Parser().parse(text); }

}  // namespace remora::explain

#include "ctl/request_words.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>
#include <charconv>
#include <optional>

namespace remora::ctl {
namespace {

namespace json = boost::json;

struct Url {
  bool tls = false;
  std::string authority;  ///< as written, without a default port
  std::string host;
  uint16_t port = 0;
  std::string path;
};

std::optional<uint64_t> number_of(std::string_view text, uint64_t most) {
  uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

/// "host:port", "[::1]:port" or either without a port: the host without brackets.
Result<std::pair<std::string, std::optional<uint16_t>>> split_port(const std::string& text) {
  const size_t bracket = text.rfind(']');
  const size_t colon = text.rfind(':');
  const bool has_port = colon != std::string::npos && (bracket == std::string::npos || colon > bracket) &&
                        (bracket != std::string::npos || text.find(':') == colon);
  std::string host = has_port ? text.substr(0, colon) : text;
  std::optional<uint16_t> port;
  if (has_port) {
    const auto read = number_of(std::string_view(text).substr(colon + 1), 65535);
    if (!read) return Error{"'" + text + "' has no port behind its colon"};
    port = static_cast<uint16_t>(*read);
  }
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return std::pair(std::move(host), port);
}

Result<Url> parse_url(std::string text) {
  Url url;
  const size_t scheme = text.find("://");
  if (scheme != std::string::npos) {
    std::string name = text.substr(0, scheme);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    if (name != "http" && name != "https") return Error{"'" + name + "' is no scheme of HTTP"};
    url.tls = name == "https";
    text = text.substr(scheme + 3);
  }
  text = text.substr(0, text.find('#'));
  const size_t end = std::min(text.find_first_of("/?"), text.size());
  url.authority = text.substr(0, end);
  url.path = text.substr(end);
  if (url.path.empty() || url.path.front() == '?') url.path.insert(0, "/");
  if (const size_t user = url.authority.rfind('@'); user != std::string::npos)
    url.authority = url.authority.substr(user + 1);
  auto parts = split_port(url.authority);
  if (!parts.ok()) return std::move(parts).error();
  url.host = std::move(parts->first);
  if (url.host.empty()) return Error{"the URL has no host"};
  const uint16_t usual = url.tls ? 443 : 80;
  url.port = parts->second.value_or(usual);
  if (url.port == usual)
    url.authority =
        url.authority.substr(0, url.authority.rfind(']') == std::string::npos ? url.authority.find(':')
                                                                              : url.authority.rfind(']') + 1);
  return url;
}

bool is_ip(const std::string& host) {
  return host.find(':') != std::string::npos ||
         std::ranges::all_of(host, [](unsigned char c) { return std::isdigit(c) != 0 || c == '.'; });
}

Result<json::object> address_of(const std::string& flag, const std::string& text) {
  auto parts = split_port(text);
  if (!parts.ok()) return Error{flag + ": " + parts.error().message};
  json::object out;
  if (!parts->first.empty()) out["address"] = parts->first;
  if (parts->second) out["port"] = *parts->second;
  return out;
}

/// curl's form: "name: value"; "name;" is a header without a value.
Result<json::array> headers_of(const std::vector<std::string>& lines) {
  json::array out;
  for (const std::string& line : lines) {
    const size_t colon = line.find(':', line.starts_with(':') ? 1 : 0);
    if (colon == std::string::npos && line.ends_with(';')) {
      out.push_back({{"name", line.substr(0, line.size() - 1)}, {"value", ""}});
      continue;
    }
    if (colon == std::string::npos || colon == 0)
      return Error{"--header: '" + line + "' is no 'NAME: VALUE'"};
    std::string value = line.substr(colon + 1);
    value.erase(0, value.find_first_not_of(" \t"));
    out.push_back({{"name", line.substr(0, colon)}, {"value", value}});
  }
  return out;
}

Result<json::value> json_of(const Arguments& arguments, const std::string& flag) {
  boost::system::error_code failed;
  json::value value = json::parse(arguments.get(flag), failed);
  if (failed || !value.is_object()) return Error{flag + ": must be a JSON object"};
  return value;
}

json::array list_of(const std::string& text) {
  json::array out;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) out.push_back(json::value(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return out;
}

/// Flags that are handed on as they are.
Result<void> add_plain(const Arguments& arguments, json::object& question) {
  if (arguments.has("--listener")) question["listener"] = arguments.get("--listener");
  if (arguments.has("--direction")) {
    std::string direction = arguments.get("--direction");
    std::ranges::transform(direction, direction.begin(), [](unsigned char c) { return std::toupper(c); });
    question["direction"] = direction;
  }
  if (arguments.has("--http2")) question["http2"] = true;
  for (const auto& [flag, field] :
       {std::pair{"--claims", "jwt_claims"}, {"--metadata", "dynamic_metadata"}}) {
    if (!arguments.has(flag)) continue;
    auto value = json_of(arguments, flag);
    if (!value.ok()) return std::move(value).error();
    question[field] = std::move(*value);
  }
  for (const auto& [flag, field] : {std::pair{"--random", "random_value"}, {"--routes", "max_routes"}}) {
    if (!arguments.has(flag)) continue;
    const auto number = number_of(arguments.get(flag), UINT64_MAX);
    if (!number) return Error{std::string(flag) + ": must be a whole number"};
    question[field] = *number;
  }
  return {};
}

/// Where the connection goes: as said, or where the URL leads without a look at DNS.
Result<void> add_addresses(const Arguments& arguments, const Url& url, json::object& question) {
  if (arguments.has("--source")) {
    auto source = address_of("--source", arguments.get("--source"));
    if (!source.ok()) return std::move(source).error();
    question["source"] = std::move(*source);
  }
  json::object destination;
  if (arguments.has("--destination")) {
    auto given = address_of("--destination", arguments.get("--destination"));
    if (!given.ok()) return std::move(given).error();
    destination = std::move(*given);
  } else if (arguments.has("--listener")) {
    return {};
  }
  if (!destination.contains("address") && is_ip(url.host)) destination["address"] = url.host;
  if (!destination.contains("port")) destination["port"] = url.port;
  question["destination"] = std::move(destination);
  return {};
}

}  // namespace

Result<json::object> question_of(const Arguments& arguments) {
  const auto url = parse_url(arguments.words[0]);
  if (!url.ok()) return url.error();
  json::object question;
  question["method"] = arguments.get("--request", "GET");
  question["authority"] = url->authority;
  question["path"] = url->path;
  question["tls"] = url->tls;
  if (url->tls) {
    const std::string sni = arguments.get("--sni", is_ip(url->host) ? "" : url->host);
    if (!sni.empty()) question["server_name"] = sni;
    question["application_protocols"] =
        list_of(arguments.get("--alpn", arguments.has("--http2") ? "h2,http/1.1" : ""));
  }
  auto headers = headers_of(arguments.all("--header"));
  if (!headers.ok()) return std::move(headers).error();
  for (const std::string& cookies : arguments.all("--cookie"))
    headers->push_back({{"name", "cookie"}, {"value", cookies}});
  question["headers"] = std::move(*headers);
  if (auto added = add_addresses(arguments, *url, question); !added.ok()) return std::move(added).error();
  if (auto added = add_plain(arguments, question); !added.ok()) return std::move(added).error();
  return question;
}

}  // namespace remora::ctl

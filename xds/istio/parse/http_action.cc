#include "istio/parse/readers.h"
#include "istio/text/base64.h"

namespace remora::istio {
namespace {

void read_redirect(Fields& fields, HttpRoute& route) {
  fields.object("redirect", [&](Fields& item) {
    HttpRedirect redirect;
    item.string("uri", redirect.uri);
    item.string("authority", redirect.authority);
    item.string("scheme", redirect.scheme);
    std::optional<uint16_t> port;
    if (read_port(item, "port", port)) {
      redirect.port_from = HttpRedirect::Port::kGiven;
      redirect.port = *port;
    }
    static const Words<HttpRedirect::Port> kDerived{
        {"FROM_PROTOCOL_DEFAULT", HttpRedirect::Port::kProtocolDefault},
        {"FROM_REQUEST_PORT", HttpRedirect::Port::kRequest}};
    if (item.has("port") && item.has("derivePort")) item.error("derivePort", "cannot stand beside port");
    item.word("derivePort", kDerived, redirect.port_from);
    long long code = redirect.code;
    item.integer("redirectCode", 301, 308, code);
    if (code == 304 || code == 305 || code == 306) {
      item.error("redirectCode", "must be 301, 302, 303, 307 or 308, is " + std::to_string(code));
    }
    redirect.code = static_cast<uint16_t>(code);
    route.redirect = std::move(redirect);
  });
}

/// A body that need be no text, in base64.
bool read_bytes(Fields& body, std::string& out) {
  std::string encoded;
  if (!body.string("bytes", encoded)) return false;
  const auto bytes = decode_base64(encoded);
  if (!bytes) body.error("bytes", "is no base64");
  out = bytes.value_or("");
  return true;
}

void read_direct_response(Fields& fields, HttpRoute& route) {
  constexpr size_t kMaxBody = 1024 * 1024;  // Istio's own limit
  fields.object("directResponse", [&](Fields& item) {
    HttpDirectResponse response;
    long long status = 0;
    if (!item.integer("status", 200, 599, status) && !item.has("status")) item.error("status", "is required");
    response.status = static_cast<uint16_t>(status);
    item.object("body", [&](Fields& body) {
      const bool text = body.string("string", response.body);
      response.is_text = !read_bytes(body, response.body);
      if (text && !response.is_text) body.error("bytes", "cannot stand beside string");
      if (response.body.size() > kMaxBody) body.error(text ? "string" : "bytes", "is longer than 1 MiB");
    });
    route.direct_response = std::move(response);
  });
}

void read_rewrite(Fields& fields, HttpRoute& route) {
  fields.object("rewrite", [&](Fields& item) {
    HttpRewrite rewrite;
    item.string("uri", rewrite.uri);
    item.string("authority", rewrite.authority);
    item.object("uriRegexRewrite", [&](Fields& regex) {
      if (regex.string("match", rewrite.regex)) check_regex(regex, "match", rewrite.regex);
      if (rewrite.regex.empty()) regex.error("match", "must give a regular expression");
      regex.string("rewrite", rewrite.regex_substitution);
    });
    if (item.has("uri") && item.has("uriRegexRewrite"))
      item.error("uriRegexRewrite", "cannot stand beside uri");
    route.rewrite = std::move(rewrite);
  });
  if (route.rewrite && (fields.has("redirect") || fields.has("directResponse"))) {
    fields.error("rewrite", "cannot stand beside redirect or directResponse");
  }
}

double read_percentage(Fields& fields, double otherwise) {
  double percentage = otherwise;
  fields.object("percentage", [&](Fields& item) {
    percentage = 0;  // proto3: {} is 0 %
    item.number("value", 0, 100, percentage);
  });
  return percentage;
}

/// mirror with its percentage in two spellings, of which the newer counts; and the list form.
void read_mirrors(Fields& fields, HttpRoute& route) {
  double percentage = 100;
  long long percent = 100;
  if (fields.integer("mirrorPercent", 0, 100, percent)) {
    fields.warning("mirrorPercent",
                   "is deprecated: write mirrorPercentage: {value: " + std::to_string(percent) + "}");
    percentage = static_cast<double>(percent);
  }
  fields.object("mirrorPercentage", [&](Fields& item) {
    percentage = 0;
    item.number("value", 0, 100, percentage);
  });
  const bool mirrored = fields.object("mirror", [&](Fields& item) {
    route.mirrors.push_back({read_destination(item), percentage});
  });
  if (!mirrored && (fields.has("mirrorPercentage") || fields.has("mirrorPercent"))) {
    fields.warning(fields.has("mirrorPercentage") ? "mirrorPercentage" : "mirrorPercent",
                   "has no effect without mirror; entries of mirrors have their own percentage");
  }
  if (mirrored && fields.has("mirrors")) fields.error("mirrors", "cannot stand beside mirror");
  fields.objects("mirrors", [&](Fields& item) {
    HttpMirror mirror;
    if (!item.object("destination", [&](Fields& d) { mirror.destination = read_destination(d); })) {
      if (!item.has("destination")) item.error("destination", "is required");
    }
    mirror.percentage = read_percentage(item, 100);
    route.mirrors.push_back(std::move(mirror));
  });
}

HeaderOperations read_operations(Fields& fields, std::string_view name) {
  HeaderOperations operations;
  fields.object(name, [&](Fields& item) {
    item.string_map("set", operations.set);
    item.string_map("add", operations.add);
    item.strings("remove", operations.remove);
  });
  return operations;
}

}  // namespace

void read_retries(Fields& fields, HttpRoute& route) {
  fields.object("retries", [&](Fields& item) {
    HttpRetry retry;
    std::optional<uint32_t> attempts;
    item.unsigned_integer("attempts", attempts, uint32_t{0}, uint32_t{1000});
    retry.attempts = attempts.value_or(0);
    Duration duration{};
    if (item.duration("perTryTimeout", duration)) retry.per_try_timeout = duration;
    if (item.duration("backoff", duration)) retry.backoff = duration;
    item.string("retryOn", retry.retry_on);
    bool flag = false;
    if (item.boolean("retryIgnorePreviousHosts", flag)) retry.ignore_previous_hosts = flag;
    item.boolean("retryRemoteLocalities", retry.remote_localities);
    route.retries = std::move(retry);
  });
}

Headers read_headers(Fields& route) {
  Headers headers;
  route.object("headers", [&](Fields& item) {
    headers.request = read_operations(item, "request");
    headers.response = read_operations(item, "response");
  });
  return headers;
}

void read_http_action(Fields& fields, HttpRoute& route) {
  read_redirect(fields, route);
  read_direct_response(fields, route);
  read_rewrite(fields, route);
  read_retries(fields, route);
  read_mirrors(fields, route);
  Duration timeout{};
  if (fields.duration("timeout", timeout, true)) route.timeout = timeout;
}

}  // namespace remora::istio

#include "page/page.h"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "page/assets.h"
#include "page/feed.h"

namespace remora::page {
namespace {

namespace json = boost::json;
using boost::beast::http::field;

/// Nothing but our own files, and no frame around them: a name in a manifest can never become a script, and
/// no other site can put its buttons over ours.
constexpr const char* kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

void guard(web::Headers& headers) {
  headers.set("Content-Security-Policy", kContentSecurityPolicy);
  headers.set("X-Frame-Options", "DENY");
  headers.set("Referrer-Policy", "no-referrer");
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
}

web::Response json_response(unsigned status, const json::value& body) {
  web::Response response{status, "application/json", json::serialize(body) + "\n"};
  response.headers.set(field::cache_control, "no-store");
  guard(response.headers);
  return response;
}

web::Response failure(unsigned status, std::string message) {
  return json_response(status, json::object{{"message", std::move(message)}});
}

web::Response redirect(const char* where) {
  web::Response response{302};
  response.headers.set(field::location, where);
  return response;
}

web::Response not_allowed(const char* methods) {
  web::Response response = failure(405, std::string("only ") + methods + " is possible here");
  response.headers.set(field::allow, methods);
  return response;
}

/// Whether If-None-Match names the etag, as we gave it or as a proxy weakened it.
bool has_it(const web::Request& request, std::string_view etag) {
  const auto known = request.headers[field::if_none_match];
  return std::string_view(known.data(), known.size()).find(etag) != std::string_view::npos;
}

web::Response asset_response(const web::Request& request, std::string_view name) {
  const Asset* asset = find_asset(name);
  if (asset == nullptr) return failure(404, "the page has no such file");
  web::Response response{200, std::string(asset->type)};
  if (asset->type.starts_with("text/")) response.content_type += "; charset=utf-8";
  response.headers.set(field::etag, {asset->etag.data(), asset->etag.size()});
  response.headers.set(field::cache_control, "no-cache");  // ask each time; the etag makes the answer short
  guard(response.headers);
  if (has_it(request, asset->etag)) {
    response.status = 304;
  } else {
    response.body = asset->body;
  }
  return response;
}

/// Who may act: a page of ours or a program. Another site's page can send neither this content type without a
/// preflight, which nobody answers, nor our Origin.
const char* refusal(const web::Request& request) {
  const auto text = [&](auto name) { return std::string(request.headers[name]); };
  if (!text(field::content_type).starts_with("application/json"))
    return "Content-Type must be application/json";
  const std::string site = text("Sec-Fetch-Site");
  if (!site.empty() && site != "same-origin" && site != "none")
    return "a page of another site may not do this";
  const std::string origin = text(field::origin);
  if (!origin.empty() && origin.substr(origin.find("//") == std::string::npos ? 0 : origin.find("//") + 2) !=
                             text(field::host)) {
    return "a page of another origin may not do this";
  }
  return nullptr;
}

/// "{namespace}/{name}" and perhaps "/{action}".
struct Target {
  std::string ns, name, action;
};

/// Empty fields where it is anything else.
Target parse_target(std::string_view path) {
  const size_t first = path.find('/');
  if (first == path.npos) return {};
  const size_t second = std::min(path.find('/', first + 1), path.size());
  if (path.find('/', std::min(second + 1, path.size())) != path.npos) return {};
  return {std::string(path.substr(0, first)), std::string(path.substr(first + 1, second - first - 1)),
          std::string(path.substr(std::min(second + 1, path.size())))};
}

const json::value* find(const json::array& rollouts, const Target& target) {
  for (const json::value& rollout : rollouts) {
    if (text_of(rollout, "namespace") == target.ns && text_of(rollout, "name") == target.name)
      return &rollout;
  }
  return nullptr;
}

web::Response not_found(const Target& target) {
  return json_response(404,
                       json::object{{"reason", "NotFound"},
                                    {"message", "canaries.flagger.app \"" + target.name + "\" not found"}});
}

}  // namespace

class Page::Impl {
 public:
  Impl(boost::asio::io_context& context, Sources sources)
      : sources_(sources),
        feed_(std::make_shared<Feed>(context, std::move(sources))) {
    feed_->start();
  }

  bool handle(web::Request& request, const web::ResponderPtr& responder) {
    const std::string_view path = request.path();
    if (path == "/" || path == "/ui" || path.starts_with("/ui/")) {
      look(request, path, responder);
    } else if (path == "/rollouts") {
      list(request, responder);
    } else if (path.starts_with("/rollouts/")) {
      act(request, parse_target(path.substr(10)), responder);
    } else {
      return false;
    }
    return true;
  }

  void mesh_changed() { feed_->mesh_changed(); }
  void close() { feed_->close(); }

 private:
  static bool reads(const web::Request& request) {
    return request.method == web::Verb::get || request.method == web::Verb::head;
  }

  void look(const web::Request& request, std::string_view path, const web::ResponderPtr& responder) {
    if (!reads(request)) return responder->respond(not_allowed("GET"));
    if (path == "/" || path == "/ui") return responder->respond(redirect("/ui/"));
    path.remove_prefix(4);
    if (path == "events") return feed_->add(responder, Feed::Format::kEvents);
    responder->respond(asset_response(request, path.empty() ? "index.html" : path));
  }

  void list(const web::Request& request, const web::ResponderPtr& responder) {
    if (!reads(request)) return responder->respond(not_allowed("GET"));
    if (request.has_query("watch")) return feed_->add(responder, Feed::Format::kLines);
    responder->respond(json_response(200, view()));
  }

  void show(const Target& target, const web::ResponderPtr& responder) {
    const json::array rollouts = view();
    const json::value* rollout = find(rollouts, target);
    responder->respond(rollout == nullptr ? not_found(target) : json_response(200, *rollout));
  }

  void act(const web::Request& request, const Target& target, const web::ResponderPtr& responder) {
    if (reads(request) && !target.name.empty() && target.action.empty()) return show(target, responder);
    const auto action = rollout::parse_action(target.action);
    if (target.name.empty() || !action.ok()) {
      return responder->respond(
          failure(404, "there is /rollouts/{namespace}/{name}/{pause|resume|promote|abort}"));
    }
    if (request.method != web::Verb::post) return responder->respond(not_allowed("POST"));
    if (const char* why = refusal(request)) return responder->respond(failure(403, why));
    if (find(view(), target) == nullptr) return responder->respond(not_found(target));
    const store::ObjectKey key{"canaries.flagger.app", target.ns, target.name};
    sources_.rollouts->act(key, *action, [responder](const Result<void>& done) {
      responder->respond(done.ok() ? json_response(200, json::object{{"done", true}})
                                   : failure(409, done.error().message));
    });
  }

  json::array view() const {
    return sources_.rollouts == nullptr ? json::array() : sources_.rollouts->view();
  }

  const Sources sources_;
  std::shared_ptr<Feed> feed_;
};

Page::Page(boost::asio::io_context& context, Sources sources)
    : impl_(std::make_shared<Impl>(context, std::move(sources))) {}

Page::~Page() { close(); }

bool Page::handle(web::Request& request, const web::ResponderPtr& responder) {
  return impl_->handle(request, responder);
}

void Page::mesh_changed() { impl_->mesh_changed(); }
void Page::close() { impl_->close(); }

}  // namespace remora::page

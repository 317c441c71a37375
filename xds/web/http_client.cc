#include "web/http_client.h"

#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/http/field.hpp>

#include "web/client_connection.h"
#include "web/url.h"

namespace remora::web {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

/// A stream may last for ever, but not before it has begun.
constexpr std::chrono::seconds kBeginLimit{10};

/// What a fetch tells, all on the context.
struct Callbacks {
  std::function<void(const Response& head)> on_head;
  /// False gives the exchange up with `why`.
  std::function<bool(unsigned status, std::string_view chunk, std::string& why)> on_chunk;
  std::function<void(Result<unsigned> status)> done;
};

/// Certificates for TLS.
Result<std::shared_ptr<asio::ssl::context>> make_tls(const ClientOptions& options) {
  auto tls = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  boost::system::error_code error;
  tls->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                   asio::ssl::context::no_tlsv1_1);
  tls->set_verify_mode(options.verify ? asio::ssl::verify_peer : asio::ssl::verify_none);
  if (options.ca_file.empty()) {
    tls->set_default_verify_paths(error);
  } else if (tls->load_verify_file(options.ca_file, error); error) {
    return Error{options.ca_file + ": " + error.message()};
  }
  if (options.certificate_file.empty()) return tls;
  if (tls->use_certificate_chain_file(options.certificate_file, error); error) {
    return Error{options.certificate_file + ": " + error.message()};
  }
  const std::string& key =
      options.private_key_file.empty() ? options.certificate_file : options.private_key_file;
  if (tls->use_private_key_file(key, asio::ssl::context::pem, error); error) {
    return Error{key + ": " + error.message()};
  }
  return tls;
}

/// Who is connected to for `url`: its server, or the proxy that is asked for it.
Result<Peer> find_peer(const Url& url, const ClientOptions& options) {
  Peer peer{url.host, url.port, url.host, options.verify, nullptr, ""};
  if (url.tls) {
    auto tls = make_tls(options);
    if (!tls.ok()) return std::move(tls).error();
    peer.tls = std::move(*tls);
  }
  if (options.proxy.empty()) return peer;
  const Result<Url> proxy = parse_url(options.proxy);
  if (!proxy.ok()) return Error{"proxy " + options.proxy + ": " + proxy.error().message};
  if (proxy->tls) return Error{"proxy " + options.proxy + ": only http:// is implemented"};
  peer.host = proxy->host;
  peer.port = proxy->port;
  const bool is_name = url.host.find(':') == std::string::npos;
  if (url.tls) peer.tunnel = (is_name ? url.host : '[' + url.host + ']') + ':' + url.port;
  return peer;
}

/// One request and its answer on one connection. Ends when it has called `done`, or is abandoned.
class Fetch : public std::enable_shared_from_this<Fetch> {
 public:
  Fetch(asio::io_context& context, Callbacks callbacks)
      : context_(context),
        callbacks_(std::move(callbacks)) {}

  void start(Request request, const ClientOptions& options) {
    name_ = std::string(http::to_string(request.method)) + ' ' + request.target.substr(0, 200);
    const Result<Url> url = parse_url(request.target);
    if (!url.ok()) return fail_later(url.error().message);
    Result<Peer> peer = find_peer(*url, options);
    if (!peer.ok()) return fail_later(name_ + ": " + peer.error().message);
    const bool whole = !options.proxy.empty() && !url->tls;  // who is asked is not who answers
    request.target = whole ? "http://" + url->authority + url->target : url->target;
    request.headers.set(http::field::host, url->authority);
    if (!request.headers.count(http::field::user_agent)) {
      request.headers.set(http::field::user_agent, "remora");
    }
    request.headers.set(http::field::connection, "close");
    connection_ = make_client_connection(context_, std::move(*peer));
    connection_->start(std::move(request), exchange(options));
  }

  /// Ends without a callback.
  void abandon() {
    callbacks_ = {};
    if (const auto connection = std::exchange(connection_, nullptr)) connection->close();
  }

 private:
  Exchange exchange(const ClientOptions& options) {
    Exchange exchange;
    exchange.endless = options.timeout.count() == 0;
    exchange.limit = exchange.endless ? std::chrono::milliseconds(kBeginLimit) : options.timeout;
    exchange.on_head = [self = shared_from_this()](const Response& head) {
      self->status_ = head.status;
      if (self->callbacks_.on_head) self->callbacks_.on_head(head);
    };
    exchange.on_data = [self = shared_from_this()](std::string_view data, std::string& why) {
      return !self->callbacks_.on_chunk || self->callbacks_.on_chunk(self->status_, data, why);
    };
    exchange.done = [self = shared_from_this()](const Result<void>& result, bool) {
      if (!result.ok()) return self->finish(Error{self->name_ + ": " + result.error().message});
      self->finish(self->status_);
    };
    return exchange;
  }

  void fail_later(std::string message) {
    asio::post(context_, [self = shared_from_this(), message] { self->finish(Error{message}); });
  }

  void finish(Result<unsigned> result) {
    const Callbacks callbacks = std::move(callbacks_);
    abandon();
    if (callbacks.done) callbacks.done(std::move(result));
  }

  asio::io_context& context_;
  Callbacks callbacks_;
  std::string name_;  ///< "POST http://...": what errors begin with
  std::shared_ptr<ClientConnection> connection_;
  unsigned status_ = 0;
};

std::shared_ptr<void> run(asio::io_context& context, Request request, const ClientOptions& options,
                          Callbacks callbacks) {
  auto fetch = std::make_shared<Fetch>(context, std::move(callbacks));
  fetch->start(std::move(request), options);
  return {fetch.get(), [fetch](void*) { fetch->abandon(); }};
}

}  // namespace

std::shared_ptr<void> fetch(asio::io_context& context, Request request, ClientOptions options,
                            std::function<void(Result<Response>)> done) {
  auto response = std::make_shared<Response>();
  Callbacks callbacks;
  callbacks.on_head = [response](const Response& head) { *response = head; };
  callbacks.on_chunk = [response, limit = options.body_limit](unsigned, std::string_view chunk,
                                                              std::string& why) {
    if (response->body.size() + chunk.size() > limit) {
      why = "the answer is larger than " + std::to_string(limit) + " bytes";
      return false;
    }
    response->body += chunk;
    return true;
  };
  callbacks.done = [response, done = std::move(done)](Result<unsigned> status) {
    if (!status.ok()) return done(std::move(status).error());
    done(std::move(*response));
  };
  return run(context, std::move(request), options, std::move(callbacks));
}

std::shared_ptr<void> stream(asio::io_context& context, Request request, ClientOptions options,
                             std::function<void(unsigned status, std::string_view chunk)> on_chunk,
                             std::function<void(Result<unsigned>)> done) {
  Callbacks callbacks;
  callbacks.on_chunk = [on_chunk = std::move(on_chunk)](unsigned status, std::string_view chunk,
                                                        std::string&) {
    on_chunk(status, chunk);
    return true;
  };
  callbacks.done = std::move(done);
  return run(context, std::move(request), options, std::move(callbacks));
}

}  // namespace remora::web

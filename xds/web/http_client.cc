#include "web/http_client.h"

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

#include "web/url.h"

namespace remora::web {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using ErrorCode = beast::error_code;

constexpr size_t kHeadLimit = 64 * 1024;
constexpr size_t kChunk = 16 * 1024;
/// A stream may last for ever, but not before it has begun.
constexpr std::chrono::seconds kBeginLimit{10};

/// What an exchange tells, all on the context.
struct Callbacks {
  std::function<void(const Response& head)> on_head;
  /// False gives the exchange up with `why`.
  std::function<bool(unsigned status, std::string_view chunk, std::string& why)> on_chunk;
  std::function<void(Result<unsigned> status)> done;
};

/// One request and its answer on one connection. Its own pending operations keep it alive; it ends when it
/// has called `done`, or is abandoned.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(asio::io_context& context, ClientOptions options, Callbacks callbacks)
      : options_(std::move(options)),
        callbacks_(std::move(callbacks)),
        resolver_(context),
        deadline_(context),
        tls_(asio::ssl::context::tls_client),
        stream_(context, tls_) {}

  void start(Request request) {
    name_ = std::string(http::to_string(request.method)) + ' ' + request.target.substr(0, 200);
    Result<Url> url = parse_url(request.target);
    if (!url.ok()) return fail_later(url.error().message);
    url_ = std::move(*url);
    peer_ = url_;
    if (!options_.proxy.empty()) {
      Result<Url> proxy = parse_url(options_.proxy);
      if (!proxy.ok()) return fail_later("proxy " + options_.proxy + ": " + proxy.error().message);
      if (proxy->tls) return fail_later("proxy " + options_.proxy + ": only http:// is implemented");
      peer_ = std::move(*proxy);
    }
    prepare(std::move(request));
    if (url_.tls) {
      const std::string why = prepare_tls();
      if (!why.empty()) return fail_later(name_ + ": " + why);
    }
    arm(options_.timeout.count() > 0 ? options_.timeout : kBeginLimit);
    resolver_.async_resolve(peer_.host, peer_.port, [self = shared_from_this()](ErrorCode error, auto found) {
      if (self->failed(error, "cannot resolve " + self->peer_.host)) return;
      beast::get_lowest_layer(self->stream_).async_connect(found, [self](ErrorCode code, const auto&) {
        self->on_connected(code);
      });
    });
  }

  /// Ends without a callback.
  void abandon() {
    callbacks_ = {};
    close();
  }

 private:
  void prepare(Request request) {
    request_.method(request.method);
    const bool whole = !options_.proxy.empty() && !url_.tls;  // who is asked is not who answers
    request_.target(whole ? "http://" + url_.authority + url_.target : url_.target);
    request_.version(11);
    for (const auto& field : request.headers) request_.insert(field.name_string(), field.value());
    request_.set(http::field::host, url_.authority);
    if (request_.find(http::field::user_agent) == request_.end()) {
      request_.set(http::field::user_agent, "remora");
    }
    request_.set(http::field::connection, "close");
    request_.body() = std::move(request.body);
    request_.prepare_payload();
    parser_.header_limit(kHeadLimit);
    parser_.body_limit(boost::none);  // what waits is bounded by who reads the chunks
    if (request.method == Verb::head) parser_.skip(true);
  }

  /// Certificates and names for TLS; why not, where something is missing.
  std::string prepare_tls() {
    ErrorCode error;
    tls_.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                     asio::ssl::context::no_tlsv1_1);
    if (options_.ca_file.empty()) {
      tls_.set_default_verify_paths(error);
    } else if (tls_.load_verify_file(options_.ca_file, error); error) {
      return options_.ca_file + ": " + error.message();
    }
    if (!options_.certificate_file.empty()) {
      if (tls_.use_certificate_chain_file(options_.certificate_file, error); error) {
        return options_.certificate_file + ": " + error.message();
      }
      const std::string& key =
          options_.private_key_file.empty() ? options_.certificate_file : options_.private_key_file;
      if (tls_.use_private_key_file(key, asio::ssl::context::pem, error); error) {
        return key + ": " + error.message();
      }
    }
    // The stream was made from the context before it knew these: make it anew.
    stream_ = Stream(beast::get_lowest_layer(stream_).get_executor(), tls_);
    stream_.set_verify_mode(options_.verify ? asio::ssl::verify_peer : asio::ssl::verify_none);
    if (options_.verify) stream_.set_verify_callback(asio::ssl::host_name_verification(url_.host));
    asio::ip::make_address(url_.host, error);
    if (error) SSL_set_tlsext_host_name(stream_.native_handle(), url_.host.c_str());
    return {};
  }

  void on_connected(ErrorCode error) {
    if (failed(error, "cannot connect")) return;
    if (!url_.tls) return send();
    if (!options_.proxy.empty()) return open_tunnel();
    shake_hands();
  }

  /// RFC 9110, 9.3.6: behind the proxy's 2xx the connection leads to the server.
  void open_tunnel() {
    connect_.method(http::verb::connect);
    connect_.target(url_.host.find(':') == std::string::npos ? url_.host + ':' + url_.port
                                                             : '[' + url_.host + "]:" + url_.port);
    connect_.version(11);
    connect_.set(http::field::host, connect_.target());
    connected_.skip(true);
    http::async_write(stream_.next_layer(), connect_, [self = shared_from_this()](ErrorCode, size_t) {});
    http::async_read_header(
        stream_.next_layer(), buffer_, connected_, [self = shared_from_this()](ErrorCode error, size_t) {
          if (self->failed(error, "the proxy gave no answer")) return;
          const unsigned status = self->connected_.get().result_int();
          if (status / 100 == 2) return self->shake_hands();
          self->finish(Error{self->name_ + ": the proxy answered with " + std::to_string(status)});
        });
  }

  void shake_hands() {
    stream_.async_handshake(asio::ssl::stream_base::client, [self = shared_from_this()](ErrorCode code) {
      if (self->failed(code, "TLS handshake failed")) return;
      self->send();
    });
  }

  void send() {
    auto sent = [self = shared_from_this()](ErrorCode, size_t) {};  // a refused body still has an answer
    auto head = [self = shared_from_this()](ErrorCode error, size_t) { self->on_head(error); };
    if (url_.tls) {
      http::async_write(stream_, request_, sent);
      http::async_read_header(stream_, buffer_, parser_, head);
    } else {
      http::async_write(stream_.next_layer(), request_, sent);
      http::async_read_header(stream_.next_layer(), buffer_, parser_, head);
    }
  }

  void on_head(ErrorCode error) {
    if (failed(error, "no answer")) return;
    if (options_.timeout.count() == 0) deadline_.cancel();
    Response head;
    head.status = parser_.get().result_int();
    head.headers = parser_.get().base();
    head.content_type = std::string(parser_.get()[http::field::content_type]);
    if (callbacks_.on_head) callbacks_.on_head(head);
    read_more();
  }

  void read_more() {
    if (!callbacks_.done) return;  // abandoned inside of a callback
    if (parser_.is_done()) return finish(parser_.get().result_int());
    parser_.get().body().data = chunk_.data();
    parser_.get().body().size = chunk_.size();
    auto read = [self = shared_from_this()](ErrorCode error, size_t) { self->on_body(error); };
    if (url_.tls) {
      http::async_read_some(stream_, buffer_, parser_, read);
    } else {
      http::async_read_some(stream_.next_layer(), buffer_, parser_, read);
    }
  }

  void on_body(ErrorCode error) {
    if (error == http::error::need_buffer) error = {};
    const size_t size = chunk_.size() - parser_.get().body().size;
    if (size > 0 && callbacks_.on_chunk) {
      std::string why;
      const unsigned status = parser_.get().result_int();
      if (!callbacks_.on_chunk(status, std::string_view(chunk_.data(), size), why)) {
        return finish(Error{name_ + ": " + why});
      }
    }
    if (failed(error, "the answer broke off")) return;
    read_more();
  }

  void arm(std::chrono::milliseconds limit) {
    deadline_.expires_after(limit);
    deadline_.async_wait([weak = weak_from_this(), limit](ErrorCode error) {
      const auto self = weak.lock();
      if (error || !self) return;
      self->finish(Error{self->name_ + ": no answer within " + std::to_string(limit.count()) + " ms"});
    });
  }

  /// True where the exchange is over, with or without this error.
  bool failed(ErrorCode error, std::string_view what) {
    if (!callbacks_.done) return true;
    if (!error) return false;
    finish(Error{name_ + ": " + std::string(what) + ": " + error.message()});
    return true;
  }

  void fail_later(std::string message) {
    asio::post(deadline_.get_executor(),
               [self = shared_from_this(), message] { self->finish(Error{message}); });
  }

  void finish(Result<unsigned> result) {
    Callbacks callbacks = std::move(callbacks_);
    callbacks_ = {};
    close();
    if (callbacks.done) callbacks.done(std::move(result));
  }

  void close() {
    deadline_.cancel();
    resolver_.cancel();
    beast::get_lowest_layer(stream_).close();
  }

  using Stream = beast::ssl_stream<beast::tcp_stream>;

  ClientOptions options_;
  Callbacks callbacks_;
  std::string name_;  ///< "POST http://...": what errors begin with
  Url url_;
  Url peer_;  ///< whom we connect to: the server, or the proxy
  tcp::resolver resolver_;
  asio::steady_timer deadline_;
  asio::ssl::context tls_;
  Stream stream_;  ///< plain http:// uses the layer below
  http::request<http::string_body> request_;
  http::response_parser<http::buffer_body> parser_;
  http::request<http::empty_body> connect_;
  http::response_parser<http::empty_body> connected_;
  beast::flat_buffer buffer_{kHeadLimit + kChunk};
  std::array<char, kChunk> chunk_;
};

std::shared_ptr<void> run(asio::io_context& context, Request request, ClientOptions options,
                          Callbacks callbacks) {
  auto exchange = std::make_shared<Exchange>(context, std::move(options), std::move(callbacks));
  exchange->start(std::move(request));
  return {exchange.get(), [exchange](void*) { exchange->abandon(); }};
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
  return run(context, std::move(request), std::move(options), std::move(callbacks));
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
  return run(context, std::move(request), std::move(options), std::move(callbacks));
}

}  // namespace remora::web

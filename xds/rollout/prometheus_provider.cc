#include "rollout/prometheus_provider.h"

#include <boost/beast/core/detail/base64.hpp>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>

#include "web/http_client.h"

namespace remora::rollout {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kTimeout{5};  // Flagger's
constexpr size_t kMaxAnswer = 1024 * 1024;

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return out;
}

std::string base64(const std::string& text) {
  namespace codec = boost::beast::detail::base64;
  std::string out(codec::encoded_size(text.size()), '\0');
  out.resize(codec::encode(out.data(), text.data(), text.size()));
  return out;
}

std::string field(const std::map<std::string, std::string>& fields, const char* name) {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string() : found->second;
}

/// The Authorization header; empty where there is no Secret.
Result<std::string> authorization(const istio::MetricTemplate& metric,
                                  const std::map<std::string, std::string>& secret) {
  if (metric.secret.empty()) return std::string();
  const std::string token = field(secret, "token");
  if (!token.empty()) return "Bearer " + token;
  const std::string username = field(secret, "username");
  const std::string password = field(secret, "password");
  if (username.empty() || password.empty())
    return Error{"the Secret " + metric.secret + " must hold username and password, or token"};
  return "Basic " + base64(username + ":" + password);
}

class PrometheusProvider final : public MetricProvider {
 public:
  PrometheusProvider(boost::asio::io_context& context, const istio::MetricTemplate& metric,
                     std::string authorization)
      : context_(context),
        address_(metric.address),
        headers_(metric.headers),
        authorization_(std::move(authorization)) {
    options_.timeout = kTimeout;
    options_.body_limit = kMaxAnswer;
    options_.verify = !metric.insecure_skip_verify;
    while (address_.ends_with('/')) address_.pop_back();
  }

  std::shared_ptr<void> query(const std::string& query, std::function<void(MetricValue)> done) override {
    web::Request request;
    request.target = address_ + "/api/v1/query?query=" + percent_encode(query);
    for (const auto& [name, value] : headers_) request.headers.set(name, value);
    if (!authorization_.empty()) request.headers.set("authorization", authorization_);
    return web::fetch(context_, std::move(request), options_,
                      [address = address_, done = std::move(done)](Result<web::Response> answer) {
                        if (!answer.ok()) return done(std::move(answer).error());
                        MetricValue value = read_prometheus_answer(answer->status, answer->body);
                        if (!value.ok()) return done(Error{address + ": " + value.error().message});
                        done(std::move(value));
                      });
  }

 private:
  boost::asio::io_context& context_;
  std::string address_;
  const std::map<std::string, std::string> headers_;
  const std::string authorization_;
  web::ClientOptions options_;
};

/// The pair of a moment and a value's text.
MetricValue read_sample(const json::value& sample) {
  const auto* pair = sample.if_array();
  const auto* text = pair != nullptr && pair->size() == 2 ? (*pair)[1].if_string() : nullptr;
  if (text == nullptr) return Error{"a sample is not a pair of time and text"};
  std::string_view number(text->data(), text->size());
  if (number.starts_with('+')) number.remove_prefix(1);
  double value = 0;
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != number.data() + number.size())
    return Error{"\"" + std::string(number.substr(0, 40)) + "\" is no number"};
  if (std::isnan(value)) return std::optional<double>();
  return std::optional<double>(value);
}

std::string text_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

MetricValue read_data(const json::object& data) {
  const auto* result = data.if_contains("result");
  if (result == nullptr || !result->is_array()) return Error{"the answer has no result"};
  const std::string type = text_of(data, "resultType");
  if (type == "scalar") return read_sample(*result);
  if (type != "vector") return Error{"the query gives a " + type + ", not one value"};
  MetricValue value = std::optional<double>();
  for (const json::value& series : result->get_array()) {
    const auto* object = series.if_object();
    const auto* sample = object == nullptr ? nullptr : object->if_contains("value");
    if (sample == nullptr) return Error{"a result has no value"};
    value = read_sample(*sample);
    if (!value.ok()) return value;
  }
  return value;
}

}  // namespace

MetricValue read_prometheus_answer(unsigned status, const std::string& body) {
  boost::system::error_code error;
  const json::value answer = json::parse(body, error);
  const auto* object = error ? nullptr : answer.if_object();
  const std::string message = object == nullptr ? std::string() : text_of(*object, "error");
  const bool refused = status >= 300 || (object != nullptr && text_of(*object, "status") == "error");
  if (refused) return Error{"status " + std::to_string(status) + (message.empty() ? "" : ": " + message)};
  const auto* data = object == nullptr ? nullptr : object->if_contains("data");
  if (data == nullptr || !data->is_object()) return Error{"the answer is not that of a Prometheus server"};
  return read_data(data->get_object());
}

Result<std::shared_ptr<MetricProvider>> make_prometheus_provider(
    boost::asio::io_context& context, const istio::MetricTemplate& metric,
    const std::map<std::string, std::string>& secret) {
  if (metric.provider_type != "prometheus")
    return Error{"provider.type \"" + metric.provider_type + "\" is not implemented: only prometheus is"};
  if (!metric.address.starts_with("http://") && !metric.address.starts_with("https://"))
    return Error{"provider.address \"" + metric.address + "\" is no http:// or https:// URL"};
  auto credentials = authorization(metric, secret);
  if (!credentials.ok()) return std::move(credentials).error();
  return std::shared_ptr<MetricProvider>(
      std::make_shared<PrometheusProvider>(context, metric, std::move(*credentials)));
}

}  // namespace remora::rollout

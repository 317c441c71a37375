#include "kubernetes/secrets.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "istio/text/base64.h"
#include "kubernetes/wire.h"

namespace remora::kubernetes {
namespace {

namespace json = boost::json;

Result<std::optional<Secrets::Fields>> read_fields(const std::string& place, const std::string& text) {
  boost::system::error_code error;
  const json::value body = json::parse(text, error);
  if (error || !body.is_object()) return Error{place + ": the answer is no JSON object"};
  Secrets::Fields fields;
  const json::value* data = body.get_object().if_contains("data");
  if (data == nullptr || !data->is_object()) return std::optional(std::move(fields));
  for (const auto& field : data->get_object()) {
    const auto decoded = field.value().is_string()
                             ? istio::decode_base64(std::string(field.value().get_string()))
                             : std::nullopt;
    if (!decoded) return Error{place + ": data." + std::string(field.key()) + " is no base64"};
    fields.emplace(field.key(), *decoded);
  }
  return std::optional(std::move(fields));
}

Error failure(const std::string& place, const Result<ApiAnswer>& answer) {
  return {place + ": " +
          (answer.ok() ? read_refusal(answer->status, answer->body).message : answer.error().message)};
}

}  // namespace

void Secrets::fetch(const std::string& name, std::function<void(Result<std::optional<Fields>>)> done) {
  ApiCall get;
  get.path = path() + '/' + name;
  call(std::move(get), [where = place(name), done = std::move(done)](const Result<ApiAnswer>& answer) {
    if (answer.ok() && answer->status == 404) return done(std::optional<Fields>());
    if (!answer.ok() || !answer->ok()) return done(failure(where, answer));
    done(read_fields(where, answer->body));
  });
}

void Secrets::create(const std::string& name, const std::string& type, const Fields& fields,
                     std::function<void(Result<bool>)> done) {
  json::object data;
  for (const auto& [field, value] : fields) data[field] = value;
  const json::object body{{"apiVersion", "v1"},
                          {"kind", "Secret"},
                          {"type", type},
                          {"metadata", {{"name", name}, {"namespace", ns_}}},
                          {"stringData", std::move(data)}};
  call({"POST", path(), json::serialize(body)},
       [where = place(name), done = std::move(done)](const Result<ApiAnswer>& answer) {
         if (answer.ok() && answer->status == 409) return done(false);
         if (!answer.ok() || !answer->ok()) return done(failure(where, answer));
         done(true);
       });
}

void Secrets::call(ApiCall call, ApiClient::Answered done) {
  const uint64_t id = next_call_++;
  calls_[id] = client_.call(std::move(call), [this, id, done = std::move(done)](Result<ApiAnswer> answer) {
    const auto ended = calls_.extract(id);  // this very function lives in it
    const auto answered = done;
    answered(std::move(answer));
  });
}

}  // namespace remora::kubernetes

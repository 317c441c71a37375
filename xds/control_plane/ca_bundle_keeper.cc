#include "control_plane/ca_bundle_keeper.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "istio/text/base64.h"
#include "kubernetes/wire.h"

namespace remora::xds {
namespace {

namespace json = boost::json;
using kubernetes::ApiAnswer;

constexpr int kWatchSeconds = 300;
constexpr int kMostDelays = 30;

std::string text_of(const json::object& in, std::string_view name) {
  const json::value* value = in.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

const json::object* object_of(const json::object& in, std::string_view name) {
  const json::value* value = in.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

json::object parse_object(std::string_view text) {
  boost::system::error_code error;
  json::value parsed = json::parse(text, error);
  return error || !parsed.is_object() ? json::object() : std::move(parsed.get_object());
}

json::object operation(const char* op, std::string path, std::string value) {
  return {{"op", op}, {"path", std::move(path)}, {"value", std::move(value)}};
}

/// What makes the configuration right; empty where it is. The version is tested, so that positions in the
/// list are those that we have seen.
std::string patch_for(const json::object& configuration, const std::string& bundle) {
  const json::object* metadata = object_of(configuration, "metadata");
  const json::value* webhooks = configuration.if_contains("webhooks");
  if (metadata == nullptr || webhooks == nullptr || !webhooks->is_array()) return {};
  json::array patch;
  size_t index = 0;
  for (const json::value& item : webhooks->get_array()) {
    const std::string place = "/webhooks/" + std::to_string(index++) + "/clientConfig";
    const json::object* webhook = item.if_object();
    const json::object* client = webhook == nullptr ? nullptr : object_of(*webhook, "clientConfig");
    if (client == nullptr || text_of(*client, "caBundle") == bundle) continue;
    patch.push_back(operation("add", place + "/caBundle", bundle));
  }
  if (patch.empty()) return {};
  patch.insert(patch.begin(),
               operation("test", "/metadata/resourceVersion", text_of(*metadata, "resourceVersion")));
  return json::serialize(patch);
}

}  // namespace

CaBundleKeeper::CaBundleKeeper(boost::asio::io_context& context, kubernetes::ApiClient& client,
                               std::string name, const std::string& root_pem, std::function<bool()> leads,
                               std::chrono::milliseconds first_delay)
    : client_(client),
      name_(std::move(name)),
      bundle_(istio::encode_base64(root_pem)),
      leads_(std::move(leads)),
      first_delay_(first_delay),
      delay_(first_delay),
      timer_(context) {}

std::string CaBundleKeeper::path() const {
  return "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
}

void CaBundleKeeper::list() {
  reading_ = client_.call({"GET", path() + "?fieldSelector=metadata.name%3D" + name_},
                          [this](const Result<ApiAnswer>& answer) { on_list(answer); });
}

void CaBundleKeeper::on_list(const Result<ApiAnswer>& answer) {
  if (!answer.ok() || !answer->ok()) {
    failed("cannot be read", answer);
    return again_later();
  }
  const json::object list = parse_object(answer->body);
  const json::object* metadata = object_of(list, "metadata");
  const std::string version = metadata == nullptr ? std::string() : text_of(*metadata, "resourceVersion");
  if (version.empty()) {
    failed("cannot be read", Error{"the answer is no list"});
    return again_later();
  }
  delay_ = first_delay_;
  const json::value* items = list.if_contains("items");
  const bool found = items != nullptr && items->is_array() && !items->get_array().empty() &&
                     items->get_array().front().is_object();
  if (!found) {
    seen_.clear();
    if (std::exchange(complaint_, "absent") != "absent")
      spdlog::warn("injection: there is no MutatingWebhookConfiguration {}: no pod gets a sidecar by it",
                   name_);
  } else {
    take(items->get_array().front().get_object());
  }
  watch(version);
}

void CaBundleKeeper::watch(const std::string& version) {
  const std::string query = "?fieldSelector=metadata.name%3D" + name_ +
                            "&watch=1&timeoutSeconds=" + std::to_string(kWatchSeconds) +
                            "&resourceVersion=" + version;
  reading_ = client_.stream(
      path() + query, [this](std::string_view line) { on_event(line); },
      [this](const Result<ApiAnswer>& answer) {
        if (answer.ok() && answer->ok()) return list();  // its time was over
        failed("cannot be watched", answer);
        again_later();
      });
}

void CaBundleKeeper::on_event(std::string_view line) {
  if (line.empty()) return;
  const auto event = kubernetes::read_watch_event(line);
  using Type = kubernetes::WatchEvent::Type;
  if (!event.ok() || event->type == Type::kError) return again_later();  // begins anew with a list
  if (event->type == Type::kDeleted) {
    seen_.clear();
    complaint_ = "absent";
    spdlog::warn("injection: MutatingWebhookConfiguration {} is gone: no pod gets a sidecar by it", name_);
  } else if (event->type != Type::kBookmark) {
    take(parse_object(event->object));
  }
}

void CaBundleKeeper::take(json::object configuration) {
  seen_ = std::move(configuration);
  look();
}

void CaBundleKeeper::use(const std::string& root_pem) {
  bundle_ = istio::encode_base64(root_pem);
  look();
}

void CaBundleKeeper::look() {
  if (!leads_()) return;
  const std::string patch = patch_for(seen_, bundle_);
  if (!patch.empty()) mend(patch);
}

void CaBundleKeeper::mend(const std::string& patch) {
  writing_ =
      client_.call({"PATCH", path() + '/' + name_, patch, "application/json-patch+json"},
                   [this](const Result<ApiAnswer>& answer) {
                     if (answer.ok() && answer->ok()) {
                       complaint_.clear();
                       spdlog::info("injection: MutatingWebhookConfiguration {} has our caBundle", name_);
                       return;
                     }
                     // Somebody else was faster (409, 422): the watch tells, or the list that comes now.
                     failed("caBundle cannot be written", answer);
                     again_later();
                   });
}

void CaBundleKeeper::failed(const std::string& what, const Result<ApiAnswer>& answer) {
  const std::string why =
      !answer.ok() ? answer.error().message : kubernetes::read_refusal(answer->status, answer->body).message;
  const std::string complaint = what + ": " + why;
  if (std::exchange(complaint_, complaint) == complaint) return;
  spdlog::warn("injection: MutatingWebhookConfiguration {} {}", name_, complaint);
}

void CaBundleKeeper::again_later() {
  reading_.reset();
  timer_.expires_after(delay_);
  delay_ = std::min(delay_ * 2, first_delay_ * kMostDelays);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) list();
  });
}

}  // namespace remora::xds

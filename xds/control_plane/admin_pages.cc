#include "control_plane/admin_pages.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/util/json_util.h>

#include <boost/json.hpp>
#include <charconv>

#include "control_plane/ads_stream.h"
#include "control_plane/metrics.h"
#include "control_plane/version.h"
#include "istio/text/finding_json.h"
#include "rollout/engine.h"

namespace remora::xds {
namespace {

namespace json = boost::json;

constexpr const char* kHelp =
    "/ready                          200 once the configuration is served\n"
    "/healthz                        200 while the process lives\n"
    "/metrics                        Prometheus\n"
    "/version                        of this program\n"
    "/debug/configz[?kind=KIND]      the resources in effect\n"
    "/debug/errors                   what is wrong in files and between resources\n"
    "/debug/leader                   whether this replica writes statuses and drives rollouts, else who "
    "does\n"
    "/debug/store                    how it stands with each kind that is read from a Kubernetes API server\n"
    "/debug/syncz                    how far every connected proxy has got\n"
    "/debug/endpointz                services, their ports and endpoints (also /debug/registryz)\n"
    "/debug/traffic[?app=...]         requests, success rate and latency; one window with app, namespace, "
    "version,\n"
    "                                window (seconds)\n"
    "/debug/config_dump?proxyID=ID   what that proxy should have, as xDS\n";

json::object sync_json(const SyncState& state) {
  if (!state.subscribed) return {{"status", "NOT_SUBSCRIBED"}};
  const char* status = "SYNCED";
  if (state.sent.empty()) status = "NOT_SENT";
  if (state.waiting) status = "WAITING";
  if (!state.waiting && !state.nacked.empty()) status = "REJECTED";
  return {{"status", status},       {"sent", state.sent},   {"acked", state.acked},
          {"nacked", state.nacked}, {"error", state.error}, {"resources", state.resources}};
}

json::object port_json(const istio::MeshPort& port) {
  json::array endpoints;
  for (const istio::Endpoint& endpoint : port.endpoints) {
    json::object labels;
    for (const auto& [name, value] : endpoint.labels) labels[name] = value;
    endpoints.push_back(json::object{{"address", endpoint.address},
                                     {"port", endpoint.port},
                                     {"workload", endpoint.workload},
                                     {"namespace", endpoint.ns},
                                     {"weight", endpoint.weight},
                                     {"labels", std::move(labels)}});
  }
  return {{"port", port.number},
          {"name", port.name},
          {"served", port.carried()},
          {"endpoints", std::move(endpoints)}};
}

/// Splices the resources' JSON, which protobuf writes, into a list.
std::string dump_group(const istio::ResourceGroup& group) {
  std::string list;
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  for (const auto& entry : group.resources) {
    google::protobuf::Any any;
    std::string text;
    if (!any.ParseFromString(entry.second->any)) continue;
    const auto status = google::protobuf::util::MessageToJsonString(any, &text, options);
    if (!status.ok())
      text = json::serialize(json::object{{"name", entry.first}, {"error", status.ToString()}});
    if (!list.empty()) list += ",\n";
    list += text;
  }
  return "[" + list + "]";
}

web::Response text_page(std::string body, unsigned status = 200) {
  return {status, "text/plain; charset=utf-8", std::move(body)};
}

web::Response json_page(std::string body) { return {200, "application/json", std::move(body)}; }

}  // namespace

web::Response AdminPages::answer(const web::Request& request) const {
  if (request.method != web::Verb::get && request.method != web::Verb::head) {
    return text_page("only GET is allowed\n", 405);
  }
  const std::string_view path = request.path();
  if (path == "/" || path == "/help") return text_page(kHelp);
  if (path == "/ready" || path == "/healthz") return text_page("ok\n");
  if (path == "/version") return text_page(std::string(kVersion) + "\n");
  if (path == "/metrics") return metrics();
  if (path == "/debug/configz") return config(request);
  if (path == "/debug/errors") return errors();
  if (path == "/debug/leader" && leader_) return json_page(json::serialize(leader_()) + "\n");
  if (path == "/debug/syncz") return sync_states();
  if (path == "/debug/endpointz" || path == "/debug/registryz") return endpoints();
  if (path == "/debug/traffic") return traffic(request);
  if (path == "/debug/config_dump") return config_dump(request);
  return text_page("nothing here; / lists what there is\n", 404);
}

/// All services; or, with ?app=, one window as canaries are judged by:
/// [&namespace=][&version=][&window=SECONDS].
web::Response AdminPages::traffic(const web::Request& request) const {
  const std::string app = request.query("app");
  if (app.empty()) return json_page(json::serialize(traffic_.view()) + "\n");
  const std::string ns = request.query("namespace");
  const std::string length = request.query("window");
  unsigned seconds = 60;
  const auto parsed = std::from_chars(length.data(), length.data() + length.size(), seconds);
  if (!length.empty() && (parsed.ec != std::errc() || seconds > 3600))
    return text_page("window: a number of seconds, at most 3600\n", 400);
  const auto window = traffic_.window({ns.empty() ? "default" : ns, app, request.query("version"), {}},
                                      std::chrono::seconds(seconds));
  const auto or_null = [](std::optional<double> value) {
    return value ? json::value(*value) : json::value();
  };
  return json_page(json::serialize(json::object{{"requests", window.requests},
                                                {"failures", window.failures},
                                                {"durations", window.cumulative.back()},
                                                {"coveredMs", window.covered.count()},
                                                {"successRate", or_null(rollout::success_rate(window))},
                                                {"p50Ms", or_null(rollout::quantile_ms(window, 0.5))},
                                                {"p99Ms", or_null(rollout::quantile_ms(window, 0.99))}}) +
                   "\n");
}

web::Response AdminPages::config(const web::Request& request) const {
  const std::string kind = request.query("kind");
  std::string list;
  for (const istio::ResourcePtr& resource : mesh_.registry().resources()) {
    if (!kind.empty() && resource->kind != kind) continue;
    if (!list.empty()) list += ",\n";
    list += resource->json;
  }
  return json_page("[" + list + "]\n");
}

web::Response AdminPages::errors() const {
  json::array list;
  for (const istio::Diagnostic& finding : mesh_.findings()) list.push_back(istio::finding_json(finding));
  return json_page(json::serialize(list) + "\n");
}

web::Response AdminPages::sync_states() const {
  json::array list;
  for (const auto& stream : ads_.streams()) {
    if (!stream->node()) continue;
    json::object proxy{{"proxy", stream->node()->id}, {"peer", stream->peer()}};
    if (!stream->identity().empty()) proxy["identity"] = stream->identity();
    for (const istio::XdsType type : istio::kXdsTypes) {
      proxy[istio::short_name(type)] = sync_json(stream->session().sync_state(type));
    }
    json::array notes;
    for (const auto& note : stream->session().snapshot()->notes) notes.push_back(istio::finding_json(note));
    proxy["notes"] = std::move(notes);
    list.push_back(std::move(proxy));
  }
  return json_page(json::serialize(list) + "\n");
}

web::Response AdminPages::endpoints() const {
  json::array list;
  for (const istio::MeshService& service : mesh_.registry().services()) {
    json::array ports;
    for (const istio::MeshPort& port : service.ports) ports.push_back(port_json(port));
    list.push_back(json::object{{"host", service.host},
                                {"namespace", service.ns},
                                {"from", service.origin->id()},
                                {"ports", std::move(ports)}});
  }
  return json_page(json::serialize(list) + "\n");
}

web::Response AdminPages::config_dump(const web::Request& request) const {
  const std::string id = request.query("proxyID");
  if (id.empty()) return text_page("give ?proxyID=ID: a node id, or \"name.namespace\" of one\n", 400);
  for (const auto& stream : ads_.streams()) {
    if (!stream->node() || (stream->node()->id != id && stream->node()->name != id)) continue;
    const istio::Snapshot& snapshot = *stream->session().snapshot();
    std::string body = "{";
    for (const istio::XdsType type : istio::kXdsTypes) {
      if (body.size() > 1) body += ",\n";
      body += '"' + std::string(istio::short_name(type)) + "\": {\"version\": \"" +
              snapshot.group(type).version + "\", \"resources\": " + dump_group(snapshot.group(type)) + "}";
    }
    return json_page(body + "}\n");
  }
  return text_page("no proxy \"" + id + "\" is connected; /debug/syncz lists those that are\n", 404);
}

web::Response AdminPages::metrics() const {
  std::string text = render_metrics(mesh_, ads_, traffic_);
  if (rollouts_ != nullptr) text += rollouts_->render_metrics(kVersion);
  if (more_metrics_) text += more_metrics_();
  web::Response page = text_page(std::move(text));
  page.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return page;
}

}  // namespace remora::xds

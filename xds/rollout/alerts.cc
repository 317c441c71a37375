#include "rollout/alerts.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace remora::rollout {
namespace {

namespace json = boost::json;
using Facts = std::vector<std::pair<std::string, std::string>>;

json::array fact_list(const Facts& facts, const char* name, bool short_field) {
  json::array out;
  for (const auto& [title, value] : facts) {
    json::object item{{name, title}, {"value", value}};
    if (short_field) item["short"] = false;
    out.push_back(std::move(item));
  }
  return out;
}

/// Slack's form, which Discord (under /slack) and Rocket.Chat take as well.
json::object chat(const istio::AlertProvider& provider, const std::string& canary, const Alert& alert,
                  const Facts& facts) {
  const bool bad = alert.severity == istio::AlertSeverity::kError;
  const bool rocket = provider.type == "rocket";
  json::object attachment{{"color", rocket ? (bad ? "#FF0000" : "#0076D7") : (bad ? "danger" : "good")},
                          {"author_name", canary},
                          {"text", alert.text},
                          {"mrkdwn_in", json::array{"text"}},
                          {"fields", fact_list(facts, "title", true)}};
  return {{"channel", provider.channel},
          {"username", provider.username},
          {"icon_emoji", ":rocket:"},
          {"attachments", json::array{std::move(attachment)}}};
}

json::object teams(const std::string& canary, const Alert& alert, const Facts& facts) {
  json::object section{{"activityTitle", alert.text},
                       {"activitySubtitle", canary},
                       {"facts", fact_list(facts, "name", false)}};
  return {{"@type", "MessageCard"},
          {"@context", "http://schema.org/extensions"},
          {"themeColor", alert.severity == istio::AlertSeverity::kError ? "FF0000" : "0076D7"},
          {"summary", canary},
          {"sections", json::array{std::move(section)}}};
}

json::object google_chat(const std::string& canary, const Alert& alert, const Facts& facts) {
  json::array sections;
  const auto add = [&](const std::string& text) {
    json::object widget{{"textParagraph", {{"text", text}}}};
    json::object section;
    section["widgets"] = json::array{std::move(widget)};
    sections.push_back(std::move(section));
  };
  add(alert.text);
  for (const auto& [title, value] : facts) add(title + ": " + value);
  json::object card{{"header", {{"title", "Remora"}, {"subtitle", canary}}},
                    {"sections", std::move(sections)}};
  return {{"cards", json::array{std::move(card)}}};
}

std::string field(const std::map<std::string, std::string>& secret, const char* name) {
  const auto found = secret.find(name);
  return found == secret.end() ? "" : found->second;
}

/// Discord takes Slack's form under a path of its own.
std::string with_slack_path(std::string url) {
  if (url.ends_with("/slack")) return url;
  return url + (url.ends_with('/') ? "slack" : "/slack");
}

}  // namespace

bool wants(const istio::CanaryAlert& alert, istio::AlertSeverity severity) {
  const istio::AlertSeverity wanted = alert.severity.value_or(istio::AlertSeverity::kInfo);
  if (wanted == istio::AlertSeverity::kInfo || wanted == severity) return true;
  return wanted == istio::AlertSeverity::kWarn && severity == istio::AlertSeverity::kError;
}

Facts alert_facts(const istio::Canary& spec, const std::string& ns) {
  Facts facts{{"Target", spec.target_kind + '/' + spec.target_name + '.' + ns},
              {"Failed checks threshold", std::to_string(spec.analysis.threshold)},
              {"Progress deadline", std::to_string(spec.deadline_seconds()) + 's'}};
  const istio::CanaryAnalysis& analysis = spec.analysis;
  std::string routing = "Weight step: " + std::to_string(analysis.step_weight) +
                        " max: " + std::to_string(last_weight(analysis));
  if (spec.strategy() == istio::CanaryStrategy::kAbTesting) routing = "A/B Testing";
  if (spec.strategy() == istio::CanaryStrategy::kBlueGreen) routing = "Blue/Green";
  facts.emplace_back("Traffic routing", routing);
  return facts;
}

Result<web::Request> alert_request(const istio::AlertProvider& provider,
                                   const std::map<std::string, std::string>& secret,
                                   const std::string& canary, const Alert& alert, const Facts& facts) {
  std::string url = provider.address;
  if (!provider.secret.empty()) {
    url = field(secret, "address");
    if (url.empty()) return Error{"Secret " + provider.secret + " holds no address"};
  }
  json::object payload;
  if (provider.type == "msteams") {
    payload = teams(canary, alert, facts);
  } else if (provider.type == "gchat") {
    payload = google_chat(canary, alert, facts);
  } else {
    payload = chat(provider, canary, alert, facts);
    if (provider.type == "discord") url = with_slack_path(std::move(url));
  }
  web::Request request;
  request.method = web::Verb::post;
  request.target = std::move(url);
  request.headers.set("content-type", "application/json");
  if (const std::string token = field(secret, "token"); !token.empty() && provider.type == "slack") {
    request.headers.set("authorization", "Bearer " + token);
  }
  request.body = json::serialize(payload);
  return request;
}

}  // namespace remora::rollout

#include <boost/json.hpp>
#include <cstdio>

#include "ctl/admin_client.h"
#include "ctl/commands.h"
#include "ctl/status_cluster.h"

namespace remora::ctl {
namespace {

namespace json = boost::json;

Result<json::value> ask_for_value(const std::string& address, const std::string& target) {
  const auto body = admin_get(address, target);
  if (!body.ok()) return Error{body.error()};
  boost::system::error_code error;
  json::value value = json::parse(*body, error);
  if (error) return Error{"the control plane's answer to " + target + " is not understood"};
  return value;
}

Result<json::array> ask(const std::string& address, const std::string& target) {
  auto value = ask_for_value(address, target);
  if (!value.ok()) return Error{value.error()};
  if (!value->is_array()) return Error{"the control plane's answer to " + target + " is not understood"};
  return std::move(value->as_array());
}

std::string text_of(const json::value& object, std::string_view name) {
  const json::value* field = object.is_object() ? object.as_object().if_contains(name) : nullptr;
  return field != nullptr && field->is_string() ? std::string(field->as_string()) : "";
}

const json::value& field_of(const json::value& object, std::string_view name) {
  static const json::value kNone;
  const json::value* field = object.is_object() ? object.as_object().if_contains(name) : nullptr;
  return field == nullptr ? kNone : *field;
}

/// "sidecar~IP~NAME~..." is NAME to people.
std::string short_id(const std::string& id) {
  const size_t first = id.find('~');
  const size_t second = first == std::string::npos ? first : id.find('~', first + 1);
  if (second == std::string::npos) return id;
  return id.substr(second + 1, id.find('~', second + 1) - second - 1);
}

/// One line per proxy, and one per thing that is wrong with it. Whether all is well.
bool print_proxies(const json::array& proxies) {
  constexpr const char* kTypes[] = {"CDS", "EDS", "LDS", "RDS", "SDS"};
  bool good = true;
  std::printf("%-40s %-15s %-15s %-15s %-15s %-15s\n", "PROXY", "CDS", "EDS", "LDS", "RDS", "SDS");
  for (const json::value& proxy : proxies) {
    std::printf("%-40s", short_id(text_of(proxy, "proxy")).c_str());
    for (const char* type : kTypes) std::printf(" %-15s", text_of(field_of(proxy, type), "status").c_str());
    std::puts("");
    for (const char* type : kTypes) {
      const json::value& state = field_of(proxy, type);
      if (text_of(state, "status") != "REJECTED") continue;
      good = false;
      std::printf("  %s rejected: %s\n", type, text_of(state, "error").c_str());
    }
    if (const std::string id = text_of(proxy, "identity"); !id.empty()) std::printf("  %s\n", id.c_str());
    const json::value& notes = field_of(proxy, "notes");
    if (!notes.is_array()) continue;
    for (const json::value& note : notes.as_array()) {
      std::printf("  %s: %s\n", text_of(note, "path").c_str(), text_of(note, "message").c_str());
    }
  }
  if (proxies.empty()) std::puts("(no proxy is connected)");
  return good;
}

bool print_findings(const json::array& findings) {
  bool good = true;
  for (const json::value& finding : findings) {
    good = good && text_of(finding, "severity") != "error";
    std::puts(text_of(finding, "text").c_str());
  }
  if (findings.empty()) std::puts("the configuration has no errors and no warnings");
  return good;
}

}  // namespace

int status(const Arguments& arguments) {
  const std::string address = admin_address(arguments);
  const auto kinds = ask(address, "/debug/store");
  if (!kinds.ok()) return fail(kinds.error().message);
  bool cluster_good = true;
  std::fputs(describe_store(*kinds, cluster_good).c_str(), stdout);  // also while nothing is served yet
  const auto leader = ask_for_value(address, "/debug/leader");
  if (!leader.ok()) return fail(leader.error().message);
  std::fputs(describe_leader(*leader, cluster_good).c_str(), stdout);
  if (!kinds->empty()) std::puts("");
  const auto proxies = ask(address, "/debug/syncz");
  const auto findings = ask(address, "/debug/errors");
  for (const auto* answer : {&proxies, &findings}) {
    if (answer->ok()) continue;
    return fail(answer->error().message);
  }
  const bool proxies_good = print_proxies(*proxies);
  std::puts("");
  const bool findings_good = print_findings(*findings);
  return proxies_good && findings_good && cluster_good ? kGood : kBad;
}

}  // namespace remora::ctl

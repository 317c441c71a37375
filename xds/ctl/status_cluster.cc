#include "ctl/status_cluster.h"

#include <boost/json/object.hpp>

namespace remora::ctl {
namespace {

namespace json = boost::json;

std::string text_of(const json::value& object, std::string_view name) {
  const json::value* field = object.is_object() ? object.get_object().if_contains(name) : nullptr;
  return field != nullptr && field->is_string() ? std::string(field->get_string()) : "";
}

bool is_true(const json::value& object, std::string_view name) {
  const json::value* field = object.is_object() ? object.get_object().if_contains(name) : nullptr;
  return field != nullptr && field->is_bool() && field->get_bool();
}

uint64_t number_of(const json::value& object, std::string_view name) {
  const json::value* field = object.is_object() ? object.get_object().if_contains(name) : nullptr;
  return field != nullptr && field->is_number() ? field->to_number<uint64_t>() : 0;
}

}  // namespace

std::string describe_store(const json::array& kinds, bool& good) {
  if (kinds.empty()) return {};
  size_t watched = 0;
  uint64_t objects = 0;
  std::string absent;
  std::string others;
  for (const json::value& kind : kinds) {
    const std::string condition = text_of(kind, "condition");
    const std::string resource = text_of(kind, "resource");
    objects += number_of(kind, "objects");
    if (const uint64_t unreadable = number_of(kind, "unreadable"); unreadable > 0) {
      others += "  " + resource + ": " + std::to_string(unreadable) + " cannot be read\n";
    }
    if (condition == "Watching") {
      ++watched;
    } else if (condition == "Absent") {
      absent += (absent.empty() ? "" : ", ") + resource;
    } else {
      others += "  " + resource + ": " + condition + ": " + text_of(kind, "message") + '\n';
      good = good && !is_true(kind, "needed");
    }
  }
  std::string text = "Kubernetes " + text_of(kinds.front(), "server") + ": " + std::to_string(watched) +
                     " of " + std::to_string(kinds.size()) + " kinds are watched, " +
                     std::to_string(objects) + " objects\n" + others;
  if (!absent.empty()) text += "  not there: " + absent + '\n';
  return text;
}

std::string describe_leader(const json::value& leader, bool& good) {
  if (is_true(leader, "alone") || text_of(leader, "lease").empty()) return {};
  const std::string lease = " (lease " + text_of(leader, "lease") + ")\n";
  if (is_true(leader, "leads")) return "leader: " + text_of(leader, "identity") + ", this replica" + lease;
  const std::string problem = text_of(leader, "problem");
  const std::string holder = text_of(leader, "leader");
  good = good && problem.empty() && !holder.empty();
  std::string text = holder.empty() ? "leader: none: statuses are not written, rollouts do not move" + lease
                                    : "leader: " + holder + ", not this replica" + lease;
  if (!problem.empty()) text += "  the lease cannot be had: " + problem + '\n';
  return text;
}

}  // namespace remora::ctl

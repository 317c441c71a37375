#include "rollout/metric_template.h"

#include <algorithm>
#include <optional>

namespace remora::rollout {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kVariables = "variables.";
constexpr size_t kMaxRendered = 64 * 1024;

std::string_view trim_front(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  return text;
}

void trim_back(std::string& text) {
  const size_t last = text.find_last_not_of(kSpace);
  text.resize(last == std::string::npos ? 0 : last + 1);
}

std::string_view trim(std::string_view text) {
  text = trim_front(text);
  const size_t last = text.find_last_not_of(kSpace);
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

/// What stands between the braces, without the marks that trim.
struct Action {
  std::string_view text;
  bool trims_before = false;
  bool trims_after = false;
};

Action read_action(std::string_view inside) {
  Action action{.text = inside};
  // As in Go, the mark has white space between itself and what it belongs to.
  if (inside.size() > 1 && inside[0] == '-' && kSpace.find(inside[1]) != std::string_view::npos) {
    action.trims_before = true;
    inside.remove_prefix(1);
  }
  if (inside.size() > 1 && inside.back() == '-' &&
      kSpace.find(inside[inside.size() - 2]) != std::string_view::npos) {
    action.trims_after = true;
    inside.remove_suffix(1);
  }
  action.text = trim(inside);
  return action;
}

std::optional<std::string> value_of(std::string_view name, const QueryModel& model) {
  const std::pair<std::string_view, const std::string&> known[] = {
      {"name", model.name},        {"namespace", model.ns},    {"target", model.target},
      {"service", model.service},  {"ingress", model.ingress}, {"route", model.route},
      {"interval", model.interval}};
  for (const auto& [key, value] : known) {
    if (key == name) return value;
  }
  if (!name.starts_with(kVariables)) return std::nullopt;
  const auto found = model.variables.find(std::string(name.substr(kVariables.size())));
  if (found == model.variables.end()) return std::nullopt;
  return found->second;
}

bool is_comment(std::string_view text) {
  return text.size() >= 4 && text.starts_with("/*") && text.ends_with("*/");
}

}  // namespace

Result<std::string> render_query(std::string_view query, const QueryModel& model) {
  std::string out;
  bool trims = false;
  while (true) {
    const size_t open = query.find("{{");
    std::string_view text = query.substr(0, open);
    out += trims ? trim_front(text) : text;
    if (out.size() > kMaxRendered) return Error{"the query becomes longer than 64 KiB"};
    if (open == std::string_view::npos) return out;
    const size_t close = query.find("}}", open);
    if (close == std::string_view::npos) return Error{"query: {{ without }}"};
    const Action action = read_action(query.substr(open + 2, close - open - 2));
    if (action.trims_before) trim_back(out);
    trims = action.trims_after;
    query.remove_prefix(close + 2);
    if (is_comment(action.text)) continue;
    const auto value = value_of(action.text, model);
    if (!value) {
      const std::string name(action.text.substr(0, 80));
      return Error{action.text.starts_with(kVariables)
                       ? "query: there is no templateVariables." + name.substr(kVariables.size())
                       : "query: \"{{ " + name + " }}\" is not implemented: only variables are"};
    }
    out += *value;
  }
}

}  // namespace remora::rollout

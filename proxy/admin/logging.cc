#include <algorithm>
#include <array>
#include <optional>

#include "admin/admin_view.h"
#include "admin/commands.h"

namespace remora::admin {
namespace {

constexpr std::array<std::string_view, 7> kLevels = {"trace", "debug",    "info", "warning",
                                                     "error", "critical", "off"};

using Levels = std::vector<std::pair<std::string, std::string>>;
struct Change {
  std::string_view component;  // "": all
  std::string_view level;
};

std::string active_loggers(const Levels& levels) {
  std::string text = "active loggers:\n";
  for (const auto& [component, level] : levels) text += "  " + component + ": " + level + '\n';
  return text;
}

Response usage(std::string_view problem, const Levels& levels) {
  std::string text = "error: ";
  text.append(problem).append(
      "\n\nusage: /logging?<name>=<level> (change single level)\n"
      "usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)\n"
      "usage: /logging?level=<level> (change all levels)\n"
      "levels:");
  for (const std::string_view level : kLevels) text.append(" ").append(level);
  return Response::text(text + '\n' + active_loggers(levels), 400);
}

// "upstream:debug,http:info"; nullopt if it is not of that shape.
std::optional<std::vector<Change>> parse_paths(std::string_view text) {
  std::vector<Change> changes;
  while (!text.empty()) {
    const size_t end = text.find(',');
    const std::string_view item = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const size_t colon = item.find(':');
    if (colon == std::string_view::npos || colon == 0) return std::nullopt;
    changes.push_back({item.substr(0, colon), item.substr(colon + 1)});
  }
  return changes;
}

// What is wrong with the changes; "" if nothing: then all of them can be made.
std::string_view problem_of(const std::vector<Change>& changes, const Levels& levels) {
  for (const Change& change : changes) {
    const auto same = [&change](const auto& entry) { return entry.first == change.component; };
    if (!change.component.empty() && std::ranges::none_of(levels, same)) return "unknown logger name";
    if (std::ranges::find(kLevels, change.level) == kLevels.end()) return "unknown logger level";
  }
  return {};
}

}  // namespace

Response logging(const Request& request, AdminSources& sources) {
  AdminView& view = sources.view;
  const Levels levels = view.log_levels();
  if (request.parameters().empty()) return Response::text(active_loggers(levels));
  if (request.parameters().size() > 1) return usage("invalid number of parameters", levels);

  const auto& [name, value] = request.parameters().front();
  std::vector<Change> changes;
  if (name == "paths") {
    auto parsed = parse_paths(value);
    if (!parsed) return usage("invalid logger name or level", levels);
    changes = *std::move(parsed);
  } else if (!value.empty()) {  // an empty level asks for the list, as Envoy's home page does
    changes.push_back({name == "level" ? std::string_view() : std::string_view(name), value});
  }
  if (const std::string_view problem = problem_of(changes, levels); !problem.empty())
    return usage(problem, levels);
  for (const Change& change : changes) {
    if (auto done = view.set_log_level(change.component, change.level); !done) {
      return usage(done.error().message, view.log_levels());
    }
  }
  return Response::text(active_loggers(view.log_levels()));
}

}  // namespace remora::admin

#include "log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>

namespace remora {
namespace {

constexpr std::array<std::string_view, 12> kComponents = {"admin",   "config", "connection", "filter",
                                                          "hc",      "http",   "listener",   "main",
                                                          "outlier", "router", "upstream",   "xds"};

struct Log {
  std::map<std::string, std::shared_ptr<spdlog::logger>, std::less<>> loggers;
  std::shared_ptr<spdlog::sinks::basic_file_sink_mt> file;
  std::string path;
};

Log& the_log() {
  static Log log;
  return log;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  return static_cast<spdlog::level::level_enum>(level);
}

Result<spdlog::level::level_enum> parse_level(std::string_view level) {
  constexpr std::array<std::string_view, 7> kNames = {"trace", "debug",    "info", "warning",
                                                      "error", "critical", "off"};
  if (level == "warn") level = "warning";
  const auto* found = std::find(kNames.begin(), kNames.end(), level);
  if (found == kNames.end()) return Error{"unknown log level '" + std::string(level) + "'"};
  return static_cast<spdlog::level::level_enum>(found - kNames.begin());
}

spdlog::logger* find_logger(std::string_view component) {
  auto& loggers = the_log().loggers;
  const auto found = loggers.find(component);
  return found == loggers.end() ? nullptr : found->second.get();
}

/// Who writes the lines of a component; those of one that is not in the list are written all the same. Null
/// before the log is started.
spdlog::logger* logger_of(std::string_view component) {
  auto* logger = find_logger(component);
  return logger != nullptr ? logger : find_logger("main");
}

Result<void> set_component_levels(std::string_view list) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    const auto entry = list.substr(0, comma);
    const size_t colon = entry.find(':');
    if (colon == std::string_view::npos)
      return Error{"component log level not correctly specified '" + std::string(entry) + "'"};
    if (auto set = set_log_level(entry.substr(0, colon), entry.substr(colon + 1)); !set) return set;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return {};
}

}  // namespace

Result<void> start_log(std::string_view level, std::string_view component_levels, std::string_view path,
                       std::string_view format) {
  auto& log = the_log();
  std::shared_ptr<spdlog::sinks::sink> sink;
  if (path.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    try {
      log.file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(std::string(path));
    } catch (const spdlog::spdlog_ex& error) {
      return Error{"unable to open --log-path: " + std::string(error.what())};
    }
    log.path = path;
    sink = log.file;
  }
  const std::string pattern = format.empty() ? "[%Y-%m-%d %T.%e][%t][%l][%n] %v" : std::string(format);
  for (const auto component : kComponents) {
    auto logger = std::make_shared<spdlog::logger>(std::string(component), sink);
    logger->set_pattern(pattern);
    logger->flush_on(spdlog::level::trace);
    spdlog::register_logger(logger);  // xds/ finds it by its name
    log.loggers[std::string(component)] = std::move(logger);
  }
  if (auto set = set_log_level("", level); !set) return set;
  return set_component_levels(component_levels);
}

Result<void> set_log_level(std::string_view component, std::string_view level) {
  const auto parsed = parse_level(level);
  if (!parsed) return Error{parsed.error().message};
  if (component.empty()) {
    for (auto& [name, logger] : the_log().loggers) logger->set_level(*parsed);
    return {};
  }
  auto* logger = find_logger(component);
  if (logger == nullptr) return Error{"unknown log component '" + std::string(component) + "'"};
  logger->set_level(*parsed);
  return {};
}

std::vector<std::pair<std::string, std::string>> log_levels() {
  std::vector<std::pair<std::string, std::string>> levels;
  for (const auto& [name, logger] : the_log().loggers) {
    const auto level = spdlog::level::to_string_view(logger->level());
    levels.emplace_back(name, std::string(level.data(), level.size()));
  }
  return levels;
}

void reopen_log() {
  auto& log = the_log();
  if (!log.file) return;
  auto fresh = std::make_shared<spdlog::sinks::basic_file_sink_mt>(log.path);
  for (auto& [name, logger] : log.loggers) logger->sinks().assign(1, fresh);
  log.file = std::move(fresh);
}

bool log_enabled(std::string_view component, LogLevel level) {
  const auto* logger = logger_of(component);
  return logger != nullptr && logger->should_log(spdlog_level(level));
}

void log_line(std::string_view component, LogLevel level, std::string_view text) {
  if (auto* logger = logger_of(component))
    logger->log(spdlog_level(level), spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace remora

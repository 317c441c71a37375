#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "ctl/commands.h"

namespace {

using remora::ctl::Arguments;
using remora::ctl::Command;

/// The command that the first words name ("rollout pause" before "rollout"), which are then taken away.
const Command* take_command(std::vector<std::string>& words) {
  for (size_t length : {2, 1}) {
    if (words.size() < length) continue;
    const std::string name = length == 2 ? words[0] + " " + words[1] : words[0];
    for (const Command& command : remora::ctl::commands()) {
      if (command.name != name) continue;
      words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(length));
      return &command;
    }
  }
  return nullptr;
}

/// Flags before the command's name belong to it as well: they move behind it.
std::vector<std::string> command_first(std::vector<std::string> words) {
  size_t start = 0;
  while (start < words.size() && words[start].starts_with("--") && words[start] != "--help") {
    bool takes_next = false;
    for (const auto& flag : remora::ctl::global_flags())
      takes_next = takes_next || (flag.name == words[start] && !flag.value.empty());
    start += takes_next ? 2 : 1;
  }
  if (start >= words.size()) return {};
  std::rotate(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(start), words.end());
  return words;
}

int usage_error(const std::string& message) {
  std::fprintf(stderr, "error: %s; remoractl help tells more\n", message.c_str());
  return remora::ctl::kFailed;
}

int run(std::vector<std::string> words) {
  words = command_first(std::move(words));
  if (words.empty()) return usage_error("no command given");
  if (words.front() == "--help" || words.front() == "-h") return remora::ctl::help({});
  if (words.front() == "--version") return remora::ctl::version({});
  Arguments rest;
  const bool group = words.size() == 1 || words[1] == "--help" || words[1] == "-h";
  if ((words.front() == "rollout" || words.front() == "identity") && group) {
    rest.words = {words.front()};
    remora::ctl::help(rest);
    return words.size() == 1 ? remora::ctl::kFailed : remora::ctl::kGood;
  }
  const std::string wanted = words.front();
  const Command* command = take_command(words);
  if (command == nullptr) return usage_error("unknown command " + wanted);
  std::vector<remora::ctl::Flag> flags = command->flags;
  flags.insert(flags.end(), remora::ctl::global_flags().begin(), remora::ctl::global_flags().end());
  const auto arguments = remora::ctl::parse_arguments(words, flags);
  if (!arguments.ok()) return usage_error(command->name + ": " + arguments.error().message);
  if (arguments->has("--help")) {
    rest.words = {command->name};
    return remora::ctl::help(rest);
  }
  const size_t count = arguments->words.size();
  if (count < command->min_words || count > command->max_words) {
    return usage_error(command->name + " takes " +
                       (command->arguments.empty() ? "no arguments" : command->arguments));
  }
  return command->run(*arguments);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // who reads us may have seen enough
  return run(std::vector<std::string>(argv + 1, argv + argc));
}

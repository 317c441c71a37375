#include <cstdio>
#include <string>

#include "ctl/commands.h"

namespace remora::ctl {
namespace {

constexpr const char* kVersion = "remoractl 0.1.0";
constexpr const char* kExitCodes =
    "exit code: 0 done and good; 1 something is wrong with what was looked at, or the control plane "
    "refused;\n"
    "2 the command could not be carried out\n";

std::string spelled(const Flag& flag) {
  return (flag.shorthand.empty() ? "" : flag.shorthand + ", ") + flag.name +
         (flag.value.empty() ? "" : " " + flag.value);
}

std::string usage_of(const Command& command) {
  std::string usage = "remoractl " + command.name;
  if (!command.flags.empty()) usage += " [flags]";
  if (!command.arguments.empty()) usage += " " + command.arguments;
  return usage;
}

/// Two columns; what breaks lines goes on in the second.
std::string row(std::string left, const std::string& right) {
  constexpr size_t kColumn = 34;
  left = "  " + left;
  if (left.size() + 2 > kColumn) {
    left += "\n" + std::string(kColumn, ' ');
  } else {
    left.resize(kColumn, ' ');
  }
  std::string text = left;
  for (const char c : right) {
    text += c;
    if (c == '\n') text += std::string(kColumn, ' ');
  }
  return text + "\n";
}

std::string overview() {
  std::string text =
      "remoractl: look after a Remora mesh\n\nusage: remoractl COMMAND [flags] [arguments]\n\n";
  for (const Command& command : commands()) {
    text += row(command.name + (command.arguments.empty() ? "" : " " + command.arguments), command.summary);
  }
  text += "\nflags of every command\n";
  for (const Flag& flag : global_flags()) text += row(spelled(flag), flag.help);
  return text + "\n" + kExitCodes;
}

std::string details(const Command& command) {
  std::string text = command.name + ": " + command.summary + "\n\nusage: " + usage_of(command) + "\n";
  if (!command.help.empty()) text += "\n" + command.help + "\n";
  if (!command.flags.empty()) text += "\nflags\n";
  for (const Flag& flag : command.flags) text += row(spelled(flag), flag.help);
  return text + "\nremoractl help lists the flags that every command takes\n";
}

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

std::string flag_table(const std::vector<Flag>& flags) {
  if (flags.empty()) return "";
  std::string text = "\n| flag | |\n|---|---|\n";
  for (const Flag& flag : flags) {
    std::string name = spelled(flag);
    for (size_t at = 0; (at = name.find('|', at)) != std::string::npos; at += 2) name.insert(at, "\\");
    text += "| `" + name + "` | " + one_line(flag.help) + " |\n";
  }
  return text;
}

/// docs/remoractl.md; a test holds the two against each other.
std::string reference() {
  std::string text =
      "# remoractl\n\nThis page is `remoractl help --markdown`; a test keeps it so.\n\n"
      "`remoractl COMMAND [flags] [arguments]`. Flags may stand anywhere after the program's name.\n\n"
      "Exit codes: 0 done and good; 1 something is wrong with what was looked at, or the control plane "
      "refused;\n"
      "2 the command could not be carried out.\n\n## Flags of every command\n";
  text += flag_table(global_flags());
  text += "\n## Commands\n";
  for (const Command& command : commands()) {
    text += "\n### " + command.name + "\n\n`" + usage_of(command) + "`: " + command.summary + ".\n";
    if (!command.help.empty()) text += "\n" + command.help + "\n";
    text += flag_table(command.flags);
  }
  return text;
}

}  // namespace

int version(const Arguments&) {
  std::puts(kVersion);
  return kGood;
}

int help(const Arguments& arguments) {
  if (arguments.has("--markdown")) {
    std::fputs(reference().c_str(), stdout);
    return kGood;
  }
  std::string name;
  for (const std::string& word : arguments.words) name += (name.empty() ? "" : " ") + word;
  std::string text = name.empty() ? overview() : "";
  for (const Command& command : commands()) {
    const bool below = !name.empty() && command.name.starts_with(name + " ");
    if (command.name == name) text = details(command);
    if (below) text += row(command.name + " " + command.arguments, command.summary);
  }
  if (text.empty()) return fail("there is no command " + name + "; remoractl help lists what there is");
  std::fputs(text.c_str(), stdout);
  return kGood;
}

}  // namespace remora::ctl

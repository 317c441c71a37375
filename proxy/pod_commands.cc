#include "pod_commands.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <map>

#include "self_call.h"

namespace remora {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr int kDone = 0;
constexpr int kNotDone = 1;
constexpr int kMisused = 2;

/// Flags with their values, defaults first.
using Flags = std::map<std::string, std::string, std::less<>>;

struct Command {
  const char* name;
  const char* help;
  Flags defaults;
  int (*run)(const Flags& flags);
};

int complain(const char* command, int code, const std::string& why) {
  std::fprintf(stderr, "remora %s: %s\n", command, why.c_str());
  return code;
}

std::optional<milliseconds> milliseconds_of(const std::string& text, int unit) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1 || number > 1'000'000)
    return std::nullopt;
  return milliseconds(int64_t{number} * unit);
}

void let_pass(Clock::time_point until) {
  boost::asio::io_context io(1);
  boost::asio::steady_timer timer(io, until);
  timer.async_wait([](const boost::system::error_code&) {});
  io.run();
}

/// An answer's first line, as far as people can read it.
std::string first_line(const std::string& body) {
  std::string line = body.substr(0, std::min<size_t>(body.find('\n'), 200));
  std::erase_if(line, [](char c) { return static_cast<unsigned char>(c) < ' '; });
  return line.empty() ? line : ": " + line;
}

int wait(const Flags& flags) {
  const auto url = parse_self_url(flags.at("--url"));
  if (!url) return complain("wait", kMisused, "--url: " + url.error().message);
  const auto limit = milliseconds_of(flags.at("--timeout-s"), 1000);
  const auto period = milliseconds_of(flags.at("--period-ms"), 1);
  const auto request_limit = milliseconds_of(flags.at("--request-timeout-ms"), 1);
  if (!limit || !period || !request_limit) {
    return complain("wait", kMisused,
                    "--timeout-s, --period-ms and --request-timeout-ms are whole numbers from 1 to 1000000");
  }
  const auto deadline = Clock::now() + *limit;
  std::string last = "it has not been asked";
  for (auto now = Clock::now(); now < deadline; now = Clock::now()) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - now);
    const auto answer = call_self("GET", *url, std::min(*request_limit, left));
    if (answer && answer->status == 200) {
      std::puts("the proxy is ready");
      return kDone;
    }
    last = answer ? std::to_string(answer->status) + first_line(answer->body) : answer.error().message;
    let_pass(std::min(now + *period, deadline));
  }
  return complain(
      "wait", kNotDone,
      "the proxy is not ready after " + flags.at("--timeout-s") + " s: " + flags.at("--url") + ": " + last);
}

int drain(const Flags& flags) {
  constexpr milliseconds kLimit{5000};
  const std::string text = "http://" + flags.at("--admin-address") + "/drain";
  const auto url = parse_self_url(text);
  if (!url) return complain("drain", kMisused, "--admin-address: " + url.error().message);
  const auto answer = call_self("POST", *url, kLimit);
  if (!answer) return complain("drain", kNotDone, text + ": " + answer.error().message);
  if (answer->status != 200) {
    return complain("drain", kNotDone,
                    text + ": " + std::to_string(answer->status) + first_line(answer->body));
  }
  std::puts("inbound traffic drains");
  return kDone;
}

const std::vector<Command>& commands() {
  static const std::vector<Command> kCommands{
      {"wait",
       "until the proxy of this pod has its first configuration and listens",
       {{"--url", "http://127.0.0.1:15021/healthz/ready"},
        {"--timeout-s", "60"},
        {"--period-ms", "500"},
        {"--request-timeout-ms", "500"}},
       wait},
      {"drain",
       "the proxy of this pod sends inbound traffic elsewhere; the application may go on calling others",
       {{"--admin-address", "127.0.0.1:15000"}},
       drain}};
  return kCommands;
}

int run(const Command& command, const std::vector<std::string>& arguments) {
  Flags flags = command.defaults;
  for (size_t i = 1; i < arguments.size(); ++i) {
    const size_t equals = arguments[i].find('=');
    const std::string name = arguments[i].substr(0, equals);
    const auto flag = flags.find(name);
    if (flag == flags.end())
      return complain(command.name, kMisused, "unknown argument '" + arguments[i] + "'");
    if (equals != std::string::npos) {
      flag->second = arguments[i].substr(equals + 1);
    } else if (++i < arguments.size()) {
      flag->second = arguments[i];
    } else {
      return complain(command.name, kMisused, name + " needs a value");
    }
  }
  return command.run(flags);
}

}  // namespace

std::optional<int> run_pod_command(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return std::nullopt;
  const auto found = std::find_if(commands().begin(), commands().end(),
                                  [&](const Command& command) { return arguments.front() == command.name; });
  if (found == commands().end()) return std::nullopt;
  return run(*found, arguments);
}

std::string pod_commands_help() {
  std::string text = "\nCOMMANDS, for the hooks of a pod:\n";
  for (const Command& command : commands()) {
    text += "  remora " + std::string(command.name);
    for (const auto& [flag, value] : command.defaults) text += " [" + flag + ' ' + value + ']';
    text += "\n      " + std::string(command.help) + '\n';
  }
  return text;
}

}  // namespace remora

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "ctl/commands.h"

namespace {

constexpr const char* kVersion = "remoractl 0.1.0";

constexpr const char* kUsage =
    "remoractl: look after a Remora mesh\n"
    "\n"
    "usage: remoractl [--admin HOST:PORT] COMMAND\n"
    "\n"
    "  validate FILE...   check resources without a control plane; a - reads standard input\n"
    "  status             proxies, how far each has got, and what is wrong with the configuration\n"
    "  get KIND [NAME]    resources in effect, as JSON: virtualservices (vs), destinationrules (dr), "
    "services (svc),\n"
    "                     serviceentries (se), workloadentries (we), deployments (deploy), canaries; or all\n"
    "  version            of this program\n"
    "\n"
    "  --admin HOST:PORT  the control plane's admin address (default $REMORA_ADMIN, else 127.0.0.1:15014)\n"
    "\n"
    "exit code: 0 done and good, 1 something is wrong with what was looked at, 2 the command failed\n";

int fail(const std::string& message) {
  std::fprintf(stderr, "remoractl: %s; remoractl help tells more\n", message.c_str());
  return remora::ctl::kFailed;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const char* from_environment = std::getenv("REMORA_ADMIN");
  std::string admin = from_environment == nullptr ? "127.0.0.1:15014" : from_environment;
  while (!arguments.empty() && arguments.front().starts_with("--admin")) {
    if (arguments.front().starts_with("--admin=")) {
      admin = arguments.front().substr(8);
      arguments.erase(arguments.begin());
    } else if (arguments.front() == "--admin" && arguments.size() > 1) {
      admin = arguments[1];
      arguments.erase(arguments.begin(), arguments.begin() + 2);
    } else {
      return fail("--admin needs HOST:PORT");
    }
  }
  if (arguments.empty()) return fail("no command given");
  const std::string command = arguments.front();
  arguments.erase(arguments.begin());
  if (command == "validate") return remora::ctl::validate(arguments);
  if (command == "status") return remora::ctl::status(arguments, admin);
  if (command == "get") return remora::ctl::get(arguments, admin);
  if (command == "version" || command == "--version") {
    std::puts(kVersion);
    return 0;
  }
  if (command == "help" || command == "--help" || command == "-h") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  return fail("unknown command " + command);
}

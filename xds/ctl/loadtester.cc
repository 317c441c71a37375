#include <boost/asio/signal_set.hpp>
#include <boost/json.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <set>

#include "ctl/api.h"
#include "ctl/command_line.h"
#include "ctl/commands.h"
#include "ctl/task_runner.h"
#include "istio/text/scalar.h"
#include "web/http_server.h"

namespace remora::ctl {
namespace {

namespace json = boost::json;

constexpr size_t kMaxGates = 10'000;

struct Settings {
  std::string address;
  std::string address_path;
  AllowedPrograms programs;
  TaskRunner::Limits limits;
  web::Access access;
};

Result<Settings> settings_of(const Arguments& arguments) {
  Settings settings;
  settings.address = arguments.get("--address", "127.0.0.1:8090");
  settings.address_path = arguments.get("--address-path");
  settings.access.token_file = arguments.get("--webhook-token-file");
  settings.access.hosts = arguments.all("--host");
  if (!arguments.has("--allow"))
    return Error{"--allow is required: the programs that may be run, as in hey,h2load"};
  std::vector<std::string> missing;
  auto programs = AllowedPrograms::parse(arguments.get("--allow"), missing);
  if (!programs.ok()) return Error{programs.error()};
  for (const std::string& name : missing)
    log_line(name + " is not installed: commands of it will be refused");
  settings.programs = std::move(*programs);
  const auto running = istio::parse_integer(arguments.get("--max-running", "8"));
  if (!running || *running < 1 || *running > 1000) return Error{"--max-running is a number from 1 to 1000"};
  settings.limits.running = static_cast<size_t>(*running);
  const auto duration = istio::parse_duration(arguments.get("--max-duration", "1h"));
  if (!duration || *duration < std::chrono::milliseconds(1))
    return Error{"--max-duration is a time, as in 90s or 10m"};
  settings.limits.duration = std::chrono::duration_cast<std::chrono::milliseconds>(*duration);
  return settings;
}

web::Response answer(unsigned status, std::string text) {
  return {status, "text/plain; charset=utf-8", std::move(text) + "\n"};
}

/// What Flagger's load tester does for Flagger's webhooks, without a shell.
class LoadTester {
 public:
  explicit LoadTester(Settings settings)
      : settings_(std::move(settings)),
        signals_(context_, SIGTERM, SIGINT),
        tasks_(context_, settings_.limits),
        server_(
            context_,
            [this](web::Request request, const web::ResponderPtr& responder) {
              responder->respond(handle(request));
            },
            settings_.access) {}

  int run() {
    const auto address = server_.listen(settings_.address);
    if (!address.ok()) return fail("--address: " + address.error().message);
    if (!settings_.address_path.empty()) {
      const std::string part = settings_.address_path + ".part";
      std::ofstream file(part);
      file << *address << '\n';
      file.close();
      if (!file || std::rename(part.c_str(), settings_.address_path.c_str()) != 0) {
        return fail("cannot write " + settings_.address_path);
      }
    }
    log_line("load tester on " + *address);
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) stop();
    });
    context_.run();
    return kGood;
  }

 private:
  void stop() {
    log_line("shutting down");
    server_.close();
    tasks_.close();
    context_.stop();
  }

  web::Response handle(const web::Request& request) {
    const std::string path(request.path());
    if (path == "/healthz") return answer(200, "OK");
    if (path == "/gate/approve") return answer(200, "OK");
    if (path == "/gate/halt") return answer(403, "Forbidden");
    if (request.method != web::Verb::post) return answer(405, "only POST is possible here");
    boost::system::error_code error;
    const json::value payload = json::parse(request.body, error);
    if (error || !payload.is_object()) return answer(400, "the body is no JSON object");
    const std::string canary = text_at(payload, "/name") + "." + text_at(payload, "/namespace");
    if (path == "/") return start(canary, payload);
    for (const std::string start : {"/gate/", "/rollback/"}) {
      if (path.starts_with(start)) return gate(start.substr(1) + canary, path.substr(start.size()));
    }
    return answer(404, "there are /, /gate/ and /rollback/");
  }

  web::Response gate(const std::string& name, const std::string& verb) {
    if (verb == "check") return gates_.contains(name) ? answer(200, "Approved") : answer(403, "Forbidden");
    if (verb == "close") gates_.erase(name);
    if (verb == "open" && gates_.size() >= kMaxGates) return answer(429, "too many gates are open");
    if (verb == "open") gates_.insert(name);
    if (verb != "open" && verb != "close") return answer(404, "a gate knows check, open and close");
    log_line(name + ": " + verb);
    return answer(202, verb);
  }

  web::Response start(const std::string& canary, const json::value& payload) {
    const json::value* metadata = payload.as_object().if_contains("metadata");
    if (metadata == nullptr || !metadata->is_object()) return answer(400, "metadata not found in payload");
    const std::string type = text_at(*metadata, "/type");
    if (!type.empty() && type != "cmd")
      return answer(400, "metadata.type: \"" + type + "\" is not supported, only cmd");
    if (!metadata->as_object().contains("cmd")) return answer(400, "metadata.cmd: is missing");
    const std::string command = text_at(*metadata, "/cmd");
    const auto words = settings_.programs.resolve(command);
    if (!words.ok()) {
      log_line(canary + ": " + command + ": refused: " + words.error().message);
      return answer(400, "metadata." + words.error().message);
    }
    const bool log_output = text_at(*metadata, "/logCmdOutput") == "true";
    const auto started = tasks_.start(canary, command, *words, log_output);
    if (!started.ok()) return answer(500, started.error().message);
    switch (*started) {
      case TaskRunner::Started::kNow: return answer(202, "started");
      case TaskRunner::Started::kLater:
        log_line(canary + ": " + command + ": is running already, and runs once more after that");
        return answer(202, "running already, runs once more");
      case TaskRunner::Started::kTooMany: return answer(429, "too many commands run already (--max-running)");
    }
    return answer(500, "");
  }

  const Settings settings_;
  boost::asio::io_context context_{1};
  boost::asio::signal_set signals_;
  TaskRunner tasks_;
  std::set<std::string> gates_;  ///< the open ones
  web::HttpServer server_;
};

}  // namespace

int loadtester(const Arguments& arguments) {
  auto settings = settings_of(arguments);
  if (!settings.ok()) return fail(settings.error().message);
  return LoadTester(std::move(*settings)).run();
}

}  // namespace remora::ctl

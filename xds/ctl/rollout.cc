#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>
#include <map>

#include "ctl/api.h"
#include "ctl/commands.h"
#include "ctl/table.h"
#include "web/percent.h"

namespace remora::ctl {
namespace {

namespace json = boost::json;

std::string number_at(const json::value& value, std::string_view path) {
  boost::system::error_code error;
  const json::value* found = value.find_pointer({path.data(), path.size()}, error);
  if (found == nullptr || found->is_null()) return "-";
  if (!found->is_double()) return json::serialize(*found);
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", found->as_double());
  return text;
}

bool is_true(const json::value& value, const char* name) {
  const json::value* found = value.is_object() ? value.as_object().if_contains(name) : nullptr;
  return found != nullptr && found->is_bool() && found->as_bool();
}

std::string or_dash(std::string text) { return text.empty() ? "-" : text; }

const Row kHeader{"NAMESPACE", "NAME", "PHASE", "WEIGHT", "FAILED", "PRIMARY", "CANARY", "MESSAGE"};

Row row_of(const json::value& rollout) {
  return {text_at(rollout, "/namespace"),
          text_at(rollout, "/name"),
          or_dash(text_at(rollout, "/phase")) + (is_true(rollout, "paused") ? " (paused)" : ""),
          number_at(rollout, "/canaryWeight"),
          number_at(rollout, "/failedChecks") + "/" + number_at(rollout, "/threshold"),
          or_dash(text_at(rollout, "/primary/version")),
          or_dash(text_at(rollout, "/canary/version")),
          text_at(rollout, "/message")};
}

/// "92.4 (at least 99)"
std::string measured(const json::value& check) {
  std::string text = number_at(check, "/value");
  if (number_at(check, "/min") != "-") text += " (at least " + number_at(check, "/min") + ")";
  if (number_at(check, "/max") != "-") text += " (at most " + number_at(check, "/max") + ")";
  return text;
}

void print_step(const json::value& step) {
  std::printf("%s  %-10s weight %-4s %s\n", text_at(step, "/time").c_str(),
              text_at(step, "/decision").c_str(), number_at(step, "/weight").c_str(),
              text_at(step, "/reason").c_str());
  const json::value* checks = step.is_object() ? step.as_object().if_contains("checks") : nullptr;
  if (checks != nullptr && checks->is_array()) {
    for (const json::value& check : checks->as_array()) {
      const std::string text = text_at(check, "/text");
      std::printf("    %-12s %s: %s%s\n", text_at(check, "/outcome").c_str(), text_at(check, "/name").c_str(),
                  measured(check).c_str(), text.empty() ? "" : (", " + text).c_str());
    }
  }
}

/// The steps of a timeline that are newer than the newest known one.
void print_new_steps(const json::value& rollout, std::string& newest) {
  const json::value* timeline = rollout.is_object() ? rollout.as_object().if_contains("timeline") : nullptr;
  if (timeline == nullptr || !timeline->is_array()) return;
  std::string last = newest;
  for (const json::value& step : timeline->as_array()) {
    const std::string time = text_at(step, "/time");
    if (time > newest) print_step(step);
    last = std::max(last, time);
  }
  newest = last;
  std::fflush(stdout);
}

bool is_over(const json::value& rollout) {
  const std::string phase = text_at(rollout, "/phase");
  return phase == "Succeeded" || phase == "Failed" || phase == "Initialized" || phase == "Terminated";
}

bool is_called(const json::value& rollout, const std::string& ns, const std::string& name) {
  return text_at(rollout, "/name") == name && text_at(rollout, "/namespace") == ns;
}

int act(const Arguments& arguments, const char* verb) {
  const auto connection = connection_of(arguments);
  if (!connection.ok()) return fail(connection.error().message);
  const std::string& name = arguments.words.front();
  const std::string target = "/rollouts/" + web::percent_encode(arguments.get("--namespace", "default")) +
                             "/" + web::percent_encode(name) + "/" + verb;
  const auto answer =
      Api(*connection)
          .call(target, {.method = web::Verb::post, .content_type = "application/json", .body = "{}"});
  if (!answer.ok()) return fail(answer.error().message);
  if (answer->status != 200) return refused(*answer);
  std::printf("canary.flagger.app/%s: %s is done\n", name.c_str(), verb);
  return kGood;
}

/// Follows /rollouts?watch. `on_change` gets ADDED, MODIFIED or DELETED and the canary; false ends it.
int follow(const Api& api,
           const std::function<bool(const std::string& type, const json::value& rollout)>& on_change) {
  int result = kGood;
  const auto ended = api.lines("/rollouts?watch", {}, [&](unsigned status, std::string_view line) {
    boost::system::error_code error;
    const json::value event = json::parse({line.data(), line.size()}, error);
    const json::value* rollout = event.is_object() ? event.as_object().if_contains("rollout") : nullptr;
    if (status != 200 || rollout == nullptr) {
      result = refused({status, "", std::string(line)});
      return false;
    }
    return on_change(text_at(event, "/type"), *rollout);
  });
  if (!ended.ok()) return fail(ended.error().message);
  return result;
}

}  // namespace

int rollout_pause(const Arguments& arguments) { return act(arguments, "pause"); }
int rollout_resume(const Arguments& arguments) { return act(arguments, "resume"); }
int rollout_promote(const Arguments& arguments) { return act(arguments, "promote"); }
int rollout_abort(const Arguments& arguments) { return act(arguments, "abort"); }

int rollout_list(const Arguments& arguments) {
  const auto connection = connection_of(arguments);
  if (!connection.ok()) return fail(connection.error().message);
  const auto answer = Api(*connection).call("/rollouts");
  if (!answer.ok()) return fail(answer.error().message);
  if (answer->status != 200) return refused(*answer);
  const auto rollouts = json_of(*answer);
  if (!rollouts.ok() || !rollouts->is_array()) return fail("the control plane's answer is not understood");
  const std::string ns = arguments.get("--namespace");
  std::vector<Row> rows{kHeader};
  json::array chosen;
  for (const json::value& rollout : rollouts->as_array()) {
    if (!ns.empty() && text_at(rollout, "/namespace") != ns) continue;
    rows.push_back(row_of(rollout));
    chosen.push_back(rollout);
  }
  if (arguments.get("--output") == "json") {
    std::puts(json::serialize(chosen).c_str());
  } else if (arguments.has("--output")) {
    return fail("--output is json, not \"" + arguments.get("--output") + "\"");
  } else if (chosen.empty()) {
    std::fputs("No rollouts found\n", stderr);
  } else {
    TableWriter().print(rows);
  }
  return kGood;
}

namespace {

/// Shows one canary: where it stands, then each step that is new.
class StatusPrinter {
 public:
  /// Whether there is more to come.
  bool show(const json::value& rollout) {
    if (!std::exchange(found_, true)) TableWriter().print({kHeader, row_of(rollout)});
    print_new_steps(rollout, newest_);
    failed_ = text_at(rollout, "/phase") == "Failed";
    return !is_over(rollout);
  }

  bool found() const { return found_; }
  bool failed() const { return failed_; }

 private:
  bool found_ = false;
  bool failed_ = false;
  std::string newest_;
};

}  // namespace

int rollout_status(const Arguments& arguments) {
  const auto connection = connection_of(arguments);
  if (!connection.ok()) return fail(connection.error().message);
  const std::string ns = arguments.get("--namespace", "default");
  const std::string& name = arguments.words.front();
  const auto answer = Api(*connection).call("/rollouts");
  if (!answer.ok()) return fail(answer.error().message);
  if (answer->status != 200) return refused(*answer);
  const auto rollouts = json_of(*answer);
  if (!rollouts.ok() || !rollouts->is_array()) return fail("the control plane's answer is not understood");
  StatusPrinter printer;
  bool going = false;
  for (const json::value& rollout : rollouts->as_array()) {
    if (is_called(rollout, ns, name)) going = printer.show(rollout);
  }
  if (!printer.found()) {
    std::fprintf(stderr, "Error from server (NotFound): canaries.flagger.app \"%s\" not found\n",
                 name.c_str());
    return kBad;
  }
  if (going && arguments.has("--watch")) {
    const int watched = follow(Api(*connection), [&](const std::string& type, const json::value& rollout) {
      return !is_called(rollout, ns, name) || (type != "DELETED" && printer.show(rollout));
    });
    if (watched != kGood) return watched;
  }
  return printer.failed() ? kBad : kGood;
}

int rollout_watch(const Arguments& arguments) {
  const auto connection = connection_of(arguments);
  if (!connection.ok()) return fail(connection.error().message);
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  const std::string ns = arguments.get("--namespace");
  const std::string name = arguments.words.empty() ? "" : arguments.words.front();
  std::map<std::string, Row> rows;
  TableWriter writer;
  bool headed = false;
  return follow(Api(*connection), [&](const std::string& type, const json::value& rollout) {
    const std::string own_ns = text_at(rollout, "/namespace");
    const std::string own_name = text_at(rollout, "/name");
    if ((!ns.empty() && own_ns != ns) || (!name.empty() && own_name != name)) return true;
    Row row = type == "DELETED" ? Row{own_ns, own_name, "(gone)"} : row_of(rollout);
    if (!terminal) {
      writer.print(std::exchange(headed, true) ? std::vector<Row>{row} : std::vector<Row>{kHeader, row});
      return true;
    }
    if (type == "DELETED") rows.erase(own_ns + '/' + own_name);
    if (type != "DELETED") rows[own_ns + '/' + own_name] = std::move(row);
    std::vector<Row> all{kHeader};
    for (const auto& [id, each] : rows) all.push_back(each);
    std::fputs("\x1b[H\x1b[J", stdout);  // home, and clear what is below
    TableWriter().print(all);
    return true;
  });
}

}  // namespace remora::ctl

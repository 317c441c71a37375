#pragma once

#include <string>
#include <vector>

#include "ctl/arguments.h"

// remoractl's commands. Each returns the program's exit code.
namespace remora::ctl {

inline constexpr int kGood = 0;  ///< done, and all is well
inline constexpr int kBad = 1;   ///< something is wrong with what was looked at, or the control plane refused
inline constexpr int kFailed = 2;  ///< the command itself could not be carried out: usage, no answer, no file

struct Command {
  std::string name;       ///< "apply", "rollout pause"
  std::string arguments;  ///< "KIND [NAME...]"
  std::string summary;    ///< one line
  std::string help;       ///< more, for --help; may be empty
  std::vector<Flag> flags;
  size_t min_words = 0;
  size_t max_words = 0;
  int (*run)(const Arguments&) = nullptr;
};

/// All of them, in the order help lists them.
const std::vector<Command>& commands();
/// Flags that every command takes.
const std::vector<Flag>& global_flags();

/// Says on stderr what the user did wrong or what failed: "error: ...".
int fail(const std::string& message);

int apply(const Arguments& arguments);
int get(const Arguments& arguments);
int watch(const Arguments& arguments);
int remove(const Arguments& arguments);
int rollout_list(const Arguments& arguments);
int rollout_status(const Arguments& arguments);
int rollout_watch(const Arguments& arguments);
int rollout_pause(const Arguments& arguments);
int rollout_resume(const Arguments& arguments);
int rollout_promote(const Arguments& arguments);
int rollout_abort(const Arguments& arguments);
int identity_issue(const Arguments& arguments);
int identity_token(const Arguments& arguments);
int kubeconfig(const Arguments& arguments);
int crds(const Arguments& arguments);
int inject(const Arguments& arguments);
int bootstrap(const Arguments& arguments);
int validate(const Arguments& arguments);
int status(const Arguments& arguments);
int effective(const Arguments& arguments);
int loadtester(const Arguments& arguments);
int version(const Arguments& arguments);
int help(const Arguments& arguments);

/// With all its flags; the others stand in commands.cc.
Command iptables_command();
Command explain_command();
Command route_check_command();

}  // namespace remora::ctl

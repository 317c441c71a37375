#include "capture/carry_out.h"

#include <algorithm>
#include <array>

#include "capture/program.h"

namespace remora::capture {
namespace {

bool says(const std::string& text, std::initializer_list<std::string_view> any) {
  return std::any_of(any.begin(), any.end(),
                     [&](std::string_view part) { return text.find(part) != std::string::npos; });
}

/// What the programs say where the kernel gives them less than they ask for.
Trouble kind_of(const std::string& errors) {
  if (says(errors, {"Permission denied", "Operation not permitted", "must be root"}))
    return Trouble::kNotPermitted;
  if (says(errors, {"does not exist", "initialize iptables table", "initialize ip6tables table",
                    "initialize table", "missing kernel module", "not supported", "No such file or directory",
                    "No chain/target/match"})) {
    return Trouble::kKernel;
  }
  return Trouble::kFailed;
}

std::string advice_for(Trouble trouble) {
  if (trouble == Trouble::kNotPermitted)
    return "; this needs the capability CAP_NET_ADMIN (and CAP_NET_RAW for iptables)";
  if (trouble == Trouble::kKernel) {
    return "; the kernel seems to lack a part of netfilter (nf_nat, nf_conntrack, xt_REDIRECT, xt_owner, "
           "xt_conntrack; "
           "for TPROXY also xt_TPROXY, xt_mark, xt_connmark): load it on the node";
  }
  return "";
}

Outcome failed(const Step& step, const std::string& what, Trouble trouble) {
  return {trouble, step.purpose + ": " + what + advice_for(trouble)};
}

Outcome run(const Step& step, const std::vector<std::string>& words) {
  const auto finished = run_program(words, step.input);
  if (!finished.ok()) return failed(step, finished.error().message, Trouble::kFailed);
  if (finished->code == 0) return {};
  std::string said = finished->errors.substr(0, 2000);
  while (said.ends_with('\n')) said.pop_back();
  return failed(step, words.front() + " ended with " + std::to_string(finished->code) + ": " + said,
                kind_of(said));
}

/// Only what reads rules can be tried out.
Outcome try_out(const Step& step) {
  if (step.input.empty()) return {};
  std::vector<std::string> words = step.words;
  words.insert(words.begin() + 1, words.front().ends_with("/nft") ? "--check" : "--test");
  return run(step, words);
}

}  // namespace

Outcome carry_out(const Plan& plan) {
  for (const Step& step : plan) {
    Outcome outcome = try_out(step);
    if (outcome.trouble != Trouble::kNone) return outcome;
  }
  for (const Step& step : plan) {
    Outcome outcome = run(step, step.words);
    if (outcome.trouble != Trouble::kNone) return outcome;
  }
  return {};
}

}  // namespace remora::capture

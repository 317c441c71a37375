#include "capture/plan.h"

#include <algorithm>

#include "capture/iptables_text.h"
#include "capture/nft_text.h"

namespace remora::capture {
namespace {

/// Programs of iptables' legacy flavour share a lock; half a minute is what Istio waits for it.
Step restore(const Iptables& iptables, Family family, std::string purpose, std::string text) {
  const std::string& program = family == Family::kV4 ? iptables.restore4 : iptables.restore6;
  Step step{std::move(purpose), {program, "--noflush"}, std::move(text)};
  if (iptables.legacy) step.words.insert(step.words.end(), {"--wait", "30"});
  return step;
}

const SavedRules& saved_of(const Iptables& iptables, Family family) {
  return family == Family::kV4 ? iptables.saved4 : iptables.saved6;
}

const char* name_of(Family family) { return family == Family::kV4 ? "IPv4" : "IPv6"; }

/// Which tool writes the rules; null means nft itself.
Result<const Iptables*> choose(const Situation& situation, Tool tool) {
  if (tool == Tool::kNft) {
    if (situation.nft.empty()) return Error{"nft is not installed (Debian: nftables)"};
    return static_cast<const Iptables*>(nullptr);
  }
  const auto fits = [tool](const Iptables& one) {
    return tool == Tool::kAuto || one.legacy == (tool == Tool::kIptablesLegacy);
  };
  const Iptables* best = nullptr;
  const auto better = [&](const Iptables& one) {
    if (best == nullptr) return true;
    if (one.trouble.empty() != best->trouble.empty()) return one.trouble.empty();
    return one.used && !best->used;
  };
  for (const Iptables& one : situation.iptables) {
    if (fits(one) && better(one)) best = &one;
  }
  if (best != nullptr) return best;
  if (tool != Tool::kAuto) {
    return Error{std::string("iptables-") + (tool == Tool::kIptablesNft ? "nft" : "legacy") +
                 "-restore is not installed"};
  }
  if (situation.nft.empty()) {
    return Error{"neither iptables-restore nor nft is installed (Debian: iptables, or nftables)"};
  }
  return static_cast<const Iptables*>(nullptr);
}

/// Takes away what other tools hold: rules in two of them would capture a connection twice.
void add_removals(Plan& plan, const Situation& situation, const Iptables* kept, bool keeps_nft) {
  for (const Iptables& iptables : situation.iptables) {
    if (&iptables == kept) continue;
    for (const Family family : kBothFamilies) {
      const std::string text = iptables_text({}, family, saved_of(iptables, family));
      if (text.empty()) continue;
      plan.push_back(restore(
          iptables, family, std::string("take ") + name_of(family) + " rules out of " + iptables.name, text));
    }
  }
  if (keeps_nft || situation.nft_tables.empty()) return;
  plan.push_back(
      {"take nft's tables away", {situation.nft, "-f", "-"}, nft_text({}, true, situation.nft_tables)});
}

Result<void> add_rules(Plan& plan, const CaptureOptions& options, const Situation& situation,
                       const Iptables* with) {
  const Rules rules = build_rules(options);
  if (with == nullptr) {
    plan.push_back({"the rules, all or none",
                    {situation.nft, "-f", "-"},
                    nft_text(rules, options.ipv6, situation.nft_tables)});
    return {};
  }
  if (options.ipv6 && with->restore6.empty()) {
    return Error{"ip6" + with->name.substr(2) + "-restore is not installed, and this pod has IPv6"};
  }
  for (const Family family : kBothFamilies) {
    if (family == Family::kV6 && !options.ipv6) continue;
    plan.push_back(restore(*with, family,
                           std::string(name_of(family)) + " rules, a table as a whole or not at all",
                           iptables_text(rules, family, saved_of(*with, family))));
  }
  return {};
}

bool holds(const std::vector<uint32_t>& marks, uint32_t mark) {
  return std::find(marks.begin(), marks.end(), mark) != marks.end();
}

/// Marked packets come to this machine, whatever their address: tproxy(4) needs it.
void add_routes(Plan& plan, const CaptureOptions& options, const Situation& situation) {
  const std::string table = std::to_string(options.route_table);
  for (const Family family : kBothFamilies) {
    if (family == Family::kV6 && !options.ipv6) continue;
    const bool v4 = family == Family::kV4;
    const std::string flag = v4 ? "-4" : "-6";
    plan.push_back({"marked packets are for this machine",
                    {situation.ip, flag, "route", "replace", "local", v4 ? "0.0.0.0/0" : "::/0", "dev", "lo",
                     "table", table},
                    ""});
    if (holds(v4 ? situation.routed_marks4 : situation.routed_marks6, options.mark)) continue;
    plan.push_back(
        {"marked packets are routed by a table of their own",
         {situation.ip, flag, "rule", "add", "fwmark", std::to_string(options.mark), "lookup", table},
         ""});
  }
}

/// `kept`: the mark that stays in use, 0 for none.
void remove_routes(Plan& plan, const CaptureOptions& options, const Situation& situation, uint32_t kept) {
  const std::string table = std::to_string(options.route_table);
  for (const Family family : kBothFamilies) {
    const auto& marks = family == Family::kV4 ? situation.routed_marks4 : situation.routed_marks6;
    const std::string flag = family == Family::kV4 ? "-4" : "-6";
    for (const uint32_t mark : marks) {
      if (mark == kept) continue;
      plan.push_back({"no route for marked packets",
                      {situation.ip, flag, "rule", "del", "fwmark", std::to_string(mark), "lookup", table},
                      ""});
    }
    if (kept != 0 || marks.empty()) continue;
    plan.push_back(
        {"empty the table of marked packets", {situation.ip, flag, "route", "flush", "table", table}, ""});
  }
}

}  // namespace

Result<Plan> plan_apply(const CaptureOptions& options, const Situation& situation, Tool tool) {
  const auto with = choose(situation, tool);
  if (!with.ok()) return Error{with.error()};
  const bool routes = options.mode == Mode::kTproxy && !options.inbound_ports.none();
  const bool needs_ip = routes || (options.ipv6 && !situation.marked_address);
  if (needs_ip && situation.ip.empty()) return Error{"ip is not installed (Debian: iproute2)"};
  Plan plan;
  if (options.ipv6 && !situation.marked_address) {
    plan.push_back({"where the sidecar's connections to its application come from",
                    {situation.ip, "-6", "addr", "replace", "::6/128", "dev", "lo", "nodad"},
                    ""});
  }
  if (routes) add_routes(plan, options, situation);
  const auto added = add_rules(plan, options, situation, *with);
  if (!added.ok()) return Error{added.error()};
  add_removals(plan, situation, *with, *with == nullptr);
  remove_routes(plan, options, situation, routes ? options.mark : 0);
  return plan;
}

Plan plan_cleanup(const CaptureOptions& options, const Situation& situation) {
  Plan plan;
  add_removals(plan, situation, nullptr, false);
  remove_routes(plan, options, situation, 0);
  if (situation.marked_address && !situation.ip.empty()) {
    plan.push_back({"nobody's connections come from there any more",
                    {situation.ip, "-6", "addr", "del", "::6/128", "dev", "lo"},
                    ""});
  }
  return plan;
}

std::string script_of(const Plan& plan) {
  std::string script;
  for (const Step& step : plan) {
    script += "# " + step.purpose + "\n";
    for (const std::string& word : step.words) script += (&word == &step.words.front() ? "" : " ") + word;
    script += step.input.empty() ? "\n" : " <<'END'\n" + step.input + "END\n";
  }
  return script;
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace remora::capture

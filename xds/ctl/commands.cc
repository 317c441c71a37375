#include "ctl/commands.h"

#include <cstdio>

#include "ctl/inject_settings.h"

namespace remora::ctl {
namespace {

const Flag kNamespace{"--namespace", "-n", "NS", "namespace (default: default)"};
const Flag kAllNamespaces{"--all-namespaces", "-A", "", "of all namespaces"};
const Flag kFiles{"--filename", "-f", "FILE|DIR|-",
                  "manifests: a file, a folder, or - for standard input; may be repeated"};
const Flag kOutput{"--output", "-o", "FORM", "json, yaml, name or wide instead of a table"};
const Flag kSelector{"--selector", "-l", "LABELS",
                     "only objects with these labels, as in app=api,version!=v1"};
const Flag kWatch{"--watch", "-w", "", "go on and show each change"};

const std::string kKinds =
    "KIND is a kind's name in any of its forms: virtualservices, VirtualService, vs. `all` means the kinds "
    "that\n"
    "people look at most. Several kinds are joined by commas; KIND/NAME is possible too.";

std::vector<Command> resource_commands() {
  return {
      {.name = "apply",
       .arguments = "",
       .summary = "make objects what manifests say",
       .help = "Server-side apply: fields that the manifests name are set, fields that an earlier apply had "
               "named and this\n"
               "one does not are removed, others stay. A field that somebody else set is a conflict, unless "
               "forced.",
       .flags = {kFiles,
                 kNamespace,
                 {"--recursive", "-R", "", "look into folders of folders too"},
                 {"--force-conflicts", "", "", "take over fields that others have set"},
                 {"--field-manager", "", "NAME", "in whose name (default: remoractl)"},
                 {"--dry-run", "", "server|none", "server: check it all, change nothing"},
                 {"--server-side", "", "", "is always so; taken for the sake of kubectl's users"}},
       .run = apply},
      {.name = "get",
       .arguments = "KIND [NAME...]",
       .summary = "objects, as a table or in full",
       .help = kKinds,
       .flags = {kNamespace,
                 kAllNamespaces,
                 kOutput,
                 kSelector,
                 kWatch,
                 {"--no-headers", "", "", "without the table's first line"},
                 {"--show-managed-fields", "", "", "in json and yaml: who has set which field"}},
       .min_words = 1,
       .max_words = 64,
       .run = get},
      {.name = "delete",
       .arguments = "KIND NAME...",
       .summary = "remove objects",
       .help = kKinds,
       .flags = {kFiles,
                 kNamespace,
                 {"--all", "", "", "all of that kind in the namespace"},
                 {"--recursive", "-R", "", "look into folders of folders too"},
                 {"--ignore-not-found", "", "", "what is not there is as good as removed"}},
       .max_words = 64,
       .run = remove},
      {.name = "watch",
       .arguments = "[KIND [NAME]]",
       .summary = "follow rollouts, or objects of a kind, live",
       .help = "Without KIND: the same as rollout watch. With it: the same as get KIND --watch.",
       .flags = {kNamespace, kAllNamespaces, kOutput, kSelector},
       .max_words = 2,
       .run = watch},
  };
}

Command action(const char* verb, const char* summary, int (*run)(const Arguments&)) {
  return {.name = std::string("rollout ") + verb,
          .arguments = "NAME",
          .summary = summary,
          .flags = {kNamespace},
          .min_words = 1,
          .max_words = 1,
          .run = run};
}

std::vector<Command> rollout_commands() {
  return {
      {.name = "rollout list",
       .summary = "all canaries: phase, weight, failed checks",
       .flags = {kNamespace, {"--output", "-o", "FORM", "json instead of a table"}},
       .run = rollout_list},
      {.name = "rollout status",
       .arguments = "NAME",
       .summary = "one canary with its timeline; exit code 1 where it has failed",
       .flags = {kNamespace,
                 {"--watch", "-w", "", "wait until it has succeeded or failed, and show each step"}},
       .min_words = 1,
       .max_words = 1,
       .run = rollout_status},
      {.name = "rollout watch",
       .arguments = "[NAME]",
       .summary = "a live table of canaries; a line for each change where the output is no terminal",
       .flags = {kNamespace},
       .max_words = 1,
       .run = rollout_watch},
      action("pause", "keep the weight as it is until somebody resumes", rollout_pause),
      action("resume", "go on", rollout_resume),
      action("promote", "give the canary all traffic without further checks", rollout_promote),
      action("abort", "all traffic back to the primary; the canary counts as failed", rollout_abort),
  };
}

std::vector<Command> identity_commands() {
  const Flag kServiceAccount{"--service-account", "", "NAME",
                             "the workload's service account (default default)"};
  const Flag kTrustDomain{"--trust-domain", "", "NAME", "the mesh's trust domain (default cluster.local)"};
  return {
      {.name = "identity issue",
       .summary = "write a workload's certificate, with which its proxy joins the mesh",
       .help = "Into --out go key.pem, cert-chain.pem, root-cert.pem, and xds-cluster.yaml: the cluster of a "
               "bootstrap that\n"
               "leads to the control plane with them. Works on the files of the certificate authority, so it "
               "is for those\n"
               "who may read them; no control plane has to run.",
       .flags = {kNamespace,
                 kServiceAccount,
                 kTrustDomain,
                 {"--out", "", "FOLDER", "where the files go (default the current folder)"},
                 {"--lifetime", "", "DURATION", "how long the certificate lives (default 24h)"},
                 {"--xds", "", "HOST:PORT",
                  "the control plane's --xds-tls-address (default 127.0.0.1:15012)"},
                 {"--root-namespace", "", "NAME", "as remora-control has it (default istio-system)"},
                 {"--ca-dir", "", "FOLDER", "the own root of remora-control (default as remora-control's)"},
                 {"--ca-cert-file", "", "FILE", "a given authority instead, as remora-control has it"},
                 {"--ca-key-file", "", "FILE", "its private key"},
                 {"--ca-root-file", "", "FILE", "the root that it leads to"}},
       .run = identity_issue},
      {.name = "identity token",
       .summary = "print a new line for --join-token-file",
       .help = "With --namespace or --service-account its holder is that workload, without it may be any.",
       .flags = {kNamespace, kServiceAccount},
       .run = identity_token},
  };
}

std::vector<Flag> with(std::vector<Flag> flags, const std::vector<Flag>& more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

std::vector<Command> sidecar_commands() {
  return {
      {.name = "inject",
       .summary = "print manifests with a sidecar in every pod that they make",
       .help =
           "remoractl inject -f web.yaml --ca-root-file root-cert.pem | kubectl apply -f -\n"
           "Documents without pods come out as they are, and so do pods that have a sidecar already, want "
           "none, or have\n"
           "their host's network; standard error says which. docs/injection.md lists the annotations.",
       .flags = with(
           {{"--filename", "-f", "FILE|-", "manifests: a file, or - for standard input; may be repeated"},
            kNamespace,
            {"--no-native-sidecar", "", "", "a container beside the others, for Kubernetes before 1.29"}},
           inject_flags()),
       .run = inject},
      {.name = "bootstrap",
       .arguments = "NAME",
       .summary = "print the bootstrap of a sidecar or gateway that you start yourself: remora -c FILE",
       .help = "NAME is the workload's, as a pod's name would be. In pods the same is written by injection.",
       .flags = with({kNamespace,
                      {"--gateway", "", "", "of a gateway: Gateways choose it by its labels"},
                      {"--ip", "", "ADDRESS", "where others reach the workload"},
                      {"--ips", "", "ADDRESSES", "all of its addresses, with commas"},
                      {"--service-account", "", "NAME", "the workload's service account (default default)"},
                      {"--label", "", "NAME=VALUE", "a label of the workload; may be repeated"},
                      {"--interception", "", "MODE", "NONE (default), REDIRECT or TPROXY"},
                      {"--token-file", "", "FILE", "what proves who it is, read anew for each connection"}},
                     inject_flags()),
       .min_words = 1,
       .max_words = 1,
       .run = bootstrap},
  };
}

std::vector<Command> other_commands() {
  return {
      {.name = "kubeconfig",
       .summary = "print a configuration with which kubectl talks to the control plane",
       .help = "remoractl kubeconfig >remora.yaml; kubectl --kubeconfig remora.yaml get canaries",
       .flags = {kNamespace},
       .run = kubeconfig},
      {.name = "crds",
       .summary = "print the definitions of the mesh's kinds for a Kubernetes API server",
       .help = "remoractl crds | kubectl apply --server-side -f -",
       .run = crds},
      {.name = "validate",
       .arguments = "FILE...",
       .summary = "check resources without a control plane; a - reads standard input",
       .min_words = 1,
       .max_words = 4096,
       .run = validate},
      {.name = "status",
       .summary =
           "proxies, how far each has got, what is wrong with the configuration; in a cluster, who leads",
       .run = status},
      {.name = "effective",
       .arguments = "KIND [NAME]",
       .summary = "resources that have effect, as the mesh has understood them, in JSON",
       .help = "What `get` shows is what was applied; where that is wrong, the last good version still has "
               "effect. KIND is\n"
               "virtualservices (vs), destinationrules (dr), services (svc), serviceentries (se), "
               "workloadentries (we),\n"
               "deployments (deploy), canaries, or all.",
       .min_words = 1,
       .max_words = 2,
       .run = effective},
      {.name = "loadtester",
       .summary = "run load tests that Flagger's webhooks ask for, and keep gates",
       .help =
           "POST / with {\"name\", \"namespace\", \"phase\", \"metadata\": {\"type\": "
           "\"cmd\", \"cmd\": \"hey ...\"}} starts\n"
           "the command and answers at once. A command that runs already is run once more when it has ended, "
           "so that\n"
           "a load as long as the canary's interval has no gaps. Only programs of --allow are run, without a "
           "shell.\n"
           "/gate/approve and /gate/halt always say yes and no; /gate/open, /gate/close and /gate/check keep "
           "a "
           "gate\nfor each canary.",
       .flags = {{"--address", "", "HOST:PORT",
                  "where to listen (default 127.0.0.1:8090; port 0 takes a free one)"},
                 {"--address-path", "", "FILE", "write the address in use to FILE"},
                 {"--allow", "", "NAMES", "programs that may be run, by comma: hey,h2load,ghz,wrk"},
                 {"--max-running", "", "N", "how many may run at once (default 8)"},
                 {"--max-duration", "", "TIME", "how long one may run (default 1h)"},
                 {"--host", "", "NAME",
                  "a further name under which it is called (default: those of loopback); may be repeated"},
                 {"--webhook-token-file", "", "FILE",
                  "bearer tokens of those who may ask; needed where --address is not loopback"}},
       .run = loadtester},
      explain_command(),
      route_check_command(),
      iptables_command(),
      {.name = "version", .summary = "of this program", .run = version},
      {.name = "help",
       .arguments = "[COMMAND]",
       .summary = "this list, or one command",
       .flags = {{"--markdown", "", "", "the whole reference, as docs/remoractl.md has it"}},
       .max_words = 2,
       .run = help},
  };
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> kCommands = [] {
    std::vector<Command> all;
    for (const auto& group : {resource_commands(), rollout_commands(), identity_commands(),
                              sidecar_commands(), other_commands()}) {
      all.insert(all.end(), group.begin(), group.end());
    }
    return all;
  }();
  return kCommands;
}

const std::vector<Flag>& global_flags() {
  static const std::vector<Flag> kFlags{
      {"--api", "", "HOST:PORT",
       "the control plane's API (default $REMORA_API, else 127.0.0.1:15080); https://HOST:PORT for TLS"},
      {"--token-file", "", "FILE", "bearer token for the API (default $REMORA_TOKEN_FILE)"},
      {"--ca", "", "FILE", "PEM: who has signed the API's certificate; implies TLS"},
      {"--client-certificate", "", "FILE", "PEM: show this certificate to the API; implies TLS"},
      {"--client-key", "", "FILE", "PEM: its private key"},
      {"--admin", "", "HOST:PORT",
       "the control plane's admin address (default $REMORA_ADMIN, else 127.0.0.1:15014), for status\n"
       "and effective; explain and route-check: the proxy's (default 127.0.0.1:15000)"},
      {"--help", "-h", "", "how to use a command"},
  };
  return kFlags;
}

int fail(const std::string& message) {
  std::fprintf(stderr, "error: %s\n", message.c_str());
  return kFailed;
}

}  // namespace remora::ctl

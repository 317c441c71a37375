#!/usr/bin/env python3
"""What a compiler does not check: who may include whom, and what this project does not use.

Prints one line per finding, `file:line: what`, and exits 1 if there is any. The build enforces the borders between
the top-level folders as well (a target sees only include/ and its own folder); this names them, and knows the finer
ones inside a folder.
"""

import ast
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')

# What a folder may include of ours, besides itself and include/remora. First match wins.
MAY_INCLUDE = [
    ("include/", []),
    ("proxy/core/", ["proxy/core"]),
    ("proxy/", ["proxy"]),
    ("filters/", ["filters"]),
    ("xds/api/", []),
    ("xds/translate/", ["xds/translate", "xds/api"]),
    ("xds/client/", ["xds/client", "xds/translate", "xds/api"]),
    ("xds/istio/text/", ["xds/istio/text"]),
    ("xds/istio/model/", ["xds/istio/model", "xds/istio/text"]),
    ("xds/istio/parse/", ["xds/istio/parse", "xds/istio/model", "xds/istio/text"]),
    ("xds/istio/registry/", ["xds/istio/registry", "xds/istio/model", "xds/istio/text"]),
    ("xds/istio/build/", ["xds/istio/build", "xds/istio/registry", "xds/istio/model", "xds/istio/text", "xds/api"]),
    ("xds/istio/reconcile/", ["xds/istio/reconcile", "xds/istio/build", "xds/istio/registry", "xds/istio/model", "xds/istio/text"]),
    ("xds/json/", []),
    ("xds/store/", ["xds/store", "xds/istio"]),
    ("xds/identity/", ["xds/identity", "xds/store", "xds/istio", "xds/api"]),
    ("xds/web/", ["xds/web"]),
    ("xds/kube/", ["xds/kube", "xds/store", "xds/web", "xds/istio"]),
    ("xds/kubernetes/", ["xds/kubernetes", "xds/store", "xds/web", "xds/istio"]),
    ("xds/inject/", ["xds/inject", "xds/kube", "xds/store", "xds/web", "xds/istio"]),
    ("xds/capture/", ["xds/capture"]),
    ("xds/rollout/", ["xds/rollout", "xds/store", "xds/web", "xds/istio"]),
    ("xds/telemetry/", ["xds/telemetry", "xds/rollout", "xds/api"]),
    ("xds/page/", ["xds/page", "xds/rollout", "xds/store", "xds/web", "xds/istio"]),
    ("xds/control_plane/", ["xds/control_plane", "xds/page", "xds/inject", "xds/kubernetes", "xds/kube", "xds/telemetry",
                            "xds/rollout", "xds/identity", "xds/store", "xds/web", "xds/istio", "xds/translate", "xds/api"]),
    ("xds/ctl/", ["xds/ctl", "xds/inject", "xds/kube", "xds/capture", "xds/identity", "xds/web", "xds/store", "xds/istio", "xds/translate", "xds/api"]),
    ("tests/", ["tests", "tests/unit", "proxy", "filters", "xds"]),
    ("bench/", ["bench", "proxy"]),
]

# Generated protobuf code stops at the border.
PROTOBUF_ALLOWED = re.compile(r"^(xds/|filters/[^/]+/config\.(cc|h)$|filters/config[^/]*$|tests/|bench/mesh/)")
PROTOBUF = re.compile(r"\.pb\.h$|^google/protobuf/")

# (where, what, why). Comments and strings are not looked at.
BANNED = [
    (r"^(?!tests/)", r"\bstd::regex\b", "std::regex is slow and can exhaust the stack: use RE2"),
    (r".*\.h$", r"^using namespace\b", "a header must not decide for its readers"),
    (r".*", r"\bstd::endl\b", "std::endl flushes: use '\\n'"),
    (r"^(?!tests/)", r"\b(?:sleep_for|sleep_until|usleep)\s*\(", "a thread that sleeps serves nobody: use a timer"),
    (r"^tests/", r"\b(?:sleep_for|usleep|sleep)\s*\(", "sleeping is no synchronisation: wait for the condition"),
    (r"^(proxy|filters)/", r"\bany_io_executor\b", "type-erased executors cost a virtual call per operation"),
    (r".*", r"\[[^\]\n]+\]\s*\([^()]*\)\s*(?:mutable\s*)?->\s*(?:\w+::)*(?:awaitable|task)\s*<",
     "a lambda coroutine that captures outlives its captures: use a named function with parameters"),
]


def main():
    findings = []
    for name in listed("*.py"):
        findings += check_python(name)
    for name in listed("*.cc", "*.h"):
        text = (ROOT / name).read_text(encoding="utf-8")
        findings += check_includes(name, text) + check_banned(name, text)
        if name.endswith(".h") and "#pragma once" not in text:
            findings.append(f"{name}:1: a header starts with #pragma once")
    print("\n".join(findings), end="\n" if findings else "")
    return 1 if findings else 0


def listed(*patterns):
    """Files of the checkout, committed or about to be."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *patterns],
                           cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    return sorted(name for name in names if (ROOT / name).exists())


def check_python(name):
    try:
        ast.parse((ROOT / name).read_text(encoding="utf-8"), name)
    except SyntaxError as error:
        return [f"{name}:{error.lineno}: {error.msg}"]
    return []


def check_includes(name, text):
    allowed = next((folders for start, folders in MAY_INCLUDE if name.startswith(start)), None)
    if allowed is None:
        return [f"{name}:1: C++ in a folder that .ci/check_sources.py has no rule for"]
    findings = []
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        quote, target = found.groups()
        if PROTOBUF.search(target) and not PROTOBUF_ALLOWED.match(name):
            findings.append(f"{name}:{number}: {target}: protobuf stops at xds/ and filters/*/config.cc")
        elif quote == '"' and not PROTOBUF.search(target) and not target.startswith("envoy/"):
            findings += unless_visible(name, number, target, allowed)
        elif quote == "<" and target.startswith("remora/"):
            findings.append(f"{name}:{number}: write \"{target}\": it is ours")
    return findings


def unless_visible(name, number, target, allowed):
    """A quoted include is include/remora, or lives in the folder's own part of the tree."""
    if target.startswith("remora/"):
        return [] if (ROOT / "include" / target).exists() else [f"{name}:{number}: include/{target} does not exist"]
    top = "" if name.startswith(("tests/", "bench/")) else name.split("/")[0]
    homes = [folder if not top else top for folder in allowed] or ["."]
    found = next((f"{home}/{target}" for home in homes if (ROOT / home / target).exists()), None)
    if found is None:
        beside = (pathlib.PurePath(name).parent / target)
        what = "name it from the top-level folder" if (ROOT / beside).exists() else "not visible from this folder"
        return [f"{name}:{number}: {target}: {what}"]
    if not any(found.startswith(folder + "/") for folder in allowed):
        return [f"{name}:{number}: {target}: {'/'.join(name.split('/')[:2])} must not depend on it"]
    return []


def check_banned(name, text):
    plain = blank_comments_and_strings(text)
    findings = []
    for where, what, why in BANNED:
        if not re.match(where, name):
            continue
        for found in re.finditer(what, plain, re.M):
            findings.append(f"{name}:{plain.count(chr(10), 0, found.start()) + 1}: {why}")
    return findings


def blank_comments_and_strings(text):
    """The same text, as many lines, with comments and string literals emptied."""
    pattern = r'R"(\w*)\(.*?\)\1"|"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/'
    return re.sub(pattern, lambda found: "\n" * found.group().count("\n"), text, flags=re.S)


if __name__ == "__main__":
    sys.exit(main())

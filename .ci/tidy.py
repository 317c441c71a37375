#!/usr/bin/env python3
"""clang-tidy over the files that changed, newest change first, within a time budget: tidy.py [--all] [--minutes N].

A file that passed is not looked at again until it, a header of ours or the checks change (build/tidy remembers), so
the budget normally suffices; if it does not, the closing line says how many files were left out. --all has no budget.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
PASSED = ROOT / "build/tidy"
DATABASE = ROOT / "build/release"
# What GCC knows and clang does not; clang's own warnings are GCC's business here.
ARGUMENTS = ["--quiet", "-p", str(DATABASE), "--extra-arg=-Wno-everything", "--extra-arg=-fcoroutines-ts"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="every file, however long it takes")
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    deadline = None if options.all else time.monotonic() + options.minutes * 60

    PASSED.mkdir(parents=True, exist_ok=True)
    keys = {path: key(path) for path in newest_first(compiled())}
    todo = [path for path, name in keys.items() if not (PASSED / name).exists()]
    failed, left_out = [], 0
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("REMORA_JOBS", os.cpu_count()))) as pool:
        for path, output in pool.map(lambda path: (path, lint(path, deadline)), todo):
            if output is None:
                left_out += 1
            elif output:
                failed.append(path)
                print(output, flush=True)
            else:
                (PASSED / keys[path]).touch()
    print(f"lint: {len(keys)} files, {len(keys) - len(todo)} unchanged since they passed, {len(failed)} with findings"
          + (f", {left_out} left out (out of time: ./dev check --all)" if left_out else ""))
    return 1 if failed else 0


def compiled():
    """The files of ours that the release build compiles."""
    entries = json.loads((DATABASE / "compile_commands.json").read_text())
    files = {pathlib.Path(entry["file"]) for entry in entries}
    return {str(file.relative_to(ROOT)) for file in files if file.is_relative_to(ROOT) and "build" not in
            file.relative_to(ROOT).parts[:1] and file.exists()}


def newest_first(files):
    log = subprocess.run(["git", "log", "-n", "400", "--name-only", "--format="], cwd=ROOT, text=True,
                         stdout=subprocess.PIPE, check=True).stdout.split()
    edited = subprocess.run(["git", "ls-files", "-mo", "--exclude-standard"], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE, check=True).stdout.split()
    order = {name: rank for rank, name in reversed(list(enumerate(edited + log)))}
    return sorted(files, key=lambda name: (order.get(name, len(order)), name))


def key(path):
    """Names everything of ours that the result for this file can depend on."""
    digest = hashlib.sha256(path.encode())
    top = path.split("/")[0]
    headers = [header for folder in ("include", top) for header in sorted((ROOT / folder).rglob("*.h"))]
    for file in [ROOT / ".clang-tidy", ROOT / path, *headers]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def lint(path, deadline):
    """What clang-tidy finds in a file: text, empty if nothing, None if there was no time."""
    if deadline is not None and time.monotonic() > deadline:
        return None
    done = subprocess.run(["clang-tidy-14", *ARGUMENTS, str(ROOT / path)], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode == 0:
        return ""
    return done.stdout.replace(f"{ROOT}/", "") or f"{path}: clang-tidy failed: {done.stderr[-2000:]}"


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""clang-tidy over the files that changed last: tidy.py [--all] [--most N].

A file that passed is not looked at again until it, a header of ours or the checks change (build/tidy remembers).
Without --all only the N newest files are looked at; the closing line says how many were left out.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PASSED = ROOT / "build/tidy"
DATABASE = ROOT / "build/release"
# What GCC knows and clang does not; clang's own warnings are GCC's business here.
ARGUMENTS = ["--quiet", "-p", str(DATABASE), "--extra-arg=-Wno-everything", "--extra-arg=-fcoroutines-ts"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="every file, however long it takes")
    parser.add_argument("--most", type=int, default=40, help="how many of the newest files (default: %(default)s)")
    options = parser.parse_args()

    PASSED.mkdir(parents=True, exist_ok=True)
    files = newest_first(compiled())
    chosen = files if options.all else files[:options.most]
    keys = {path: key(path) for path in chosen}
    todo = [path for path, name in keys.items() if not (PASSED / name).exists()]
    failed = []
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("REMORA_JOBS", os.cpu_count()))) as pool:
        for path, output in pool.map(lambda path: (path, lint(path)), todo):
            if output:
                failed.append(path)
                print(output, flush=True)
            else:
                (PASSED / keys[path]).touch()
    print(f"lint: {len(keys)} files, {len(keys) - len(todo)} unchanged since they passed, {len(failed)} with findings"
          + (f", {len(files) - len(chosen)} older ones left out (./dev check --all)" if len(files) > len(chosen) else ""))
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


def lint(path):
    """What clang-tidy finds in a file; empty if nothing."""
    done = subprocess.run(["clang-tidy-14", *ARGUMENTS, str(ROOT / path)], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode == 0:
        return ""
    return done.stdout.replace(f"{ROOT}/", "") or f"{path}: clang-tidy failed: {done.stderr[-2000:]}"


if __name__ == "__main__":
    sys.exit(main())

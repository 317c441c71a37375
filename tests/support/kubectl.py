"""The real kubectl, with a configuration that `remoractl kubeconfig` wrote for it."""

import json
import os
import pathlib
import re
import subprocess

import yaml

from support.proxy import ROOT, bin_dir

DEADLINE = 30


def kubectl_binary():
    path = pathlib.Path(os.environ.get("REMORA_KUBECTL", ROOT / "build" / "tools" / "kubectl"))
    if not path.exists():
        raise FileNotFoundError(f"no kubectl at {path}: `./dev setup` builds it, or set REMORA_KUBECTL")
    return path


class Kubectl:
    """kubectl against one API address; `home` keeps what it caches away from everybody else's."""

    def __init__(self, home, api, *kubeconfig_arguments):
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.config = home / "kubeconfig"
        self.config.write_text(subprocess.run(
            [bin_dir() / "remoractl", "kubeconfig", "--api", str(api), *map(str, kubeconfig_arguments)],
            check=True, capture_output=True, text=True).stdout)

    def environment(self, **further):
        return {**os.environ, "KUBECONFIG": str(self.config), "HOME": str(self.home), "TMPDIR": str(self.home), **further}

    def run(self, *arguments, stdin=None, **environment):
        """What came of a command: a CompletedProcess with texts. `stdin`: a text, or objects to apply."""
        if stdin is not None and not isinstance(stdin, str):
            stdin = as_yaml(*stdin) if isinstance(stdin, (list, tuple)) else as_yaml(stdin)
        return subprocess.run([kubectl_binary(), *map(str, arguments)], input=stdin, capture_output=True, text=True,
                              env=self.environment(**environment), cwd=self.home, timeout=DEADLINE,
                              **({"stdin": subprocess.DEVNULL} if stdin is None else {}))

    def __call__(self, *arguments, stdin=None, **environment):
        """The output of a command that succeeds."""
        done = self.run(*arguments, stdin=stdin, **environment)
        assert done.returncode == 0, f"kubectl {arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def fails(self, *arguments, stdin=None, **environment):
        """The error text of a command that fails."""
        done = self.run(*arguments, stdin=stdin, **environment)
        assert done.returncode != 0, f"kubectl {arguments} succeeded:\n{done.stdout}"
        return done.stderr.strip()

    def apply(self, *objects):
        return self("apply", "-f", "-", stdin=list(objects))

    def get(self, *arguments):
        """An object, or the items of a list."""
        found = json.loads(self("get", *arguments, "-o", "json"))
        return found["items"] if found["kind"] == "List" else found

    def table(self, *arguments):
        """The cells of what `get` prints, row by row, the header first. A cell may be empty, so columns count, not spaces."""
        return cells(self("get", *arguments))

    def start(self, *arguments):
        """A command that goes on until it is terminated; its output can be read line by line."""
        return subprocess.Popen([kubectl_binary(), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, env=self.environment(), cwd=self.home)


def as_yaml(*objects):
    return "---\n".join(thing if isinstance(thing, str) else yaml.safe_dump(thing, sort_keys=False) for thing in objects)


def cells(text):
    lines = text.rstrip("\n").split("\n")
    starts = [0] + [match.end() for match in re.finditer(r" {2,}(?=\S)", lines[0])]
    return [[line[start:end].strip() for start, end in zip(starts, starts[1:] + [None])] for line in lines]

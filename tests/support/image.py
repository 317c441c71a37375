"""The image of docker/Dockerfile without a container engine: its root file system, and programs that run in it as a container's do."""

import json
import pathlib
import re
import subprocess

from support.proxy import ROOT, bin_dir

DOCKERFILE = ROOT / "docker" / "Dockerfile"
PROGRAMS = ("remora", "remora-control", "remoractl")

# In a mount namespace of its own: the root cannot be written, /dev and /proc are the kernel's. Of the capabilities those for the
# way in are gone with the user's change, or kept by root, who has no further use for them here.
CONTAINER = """
root=$1 user=$2 rights=$3; shift 3
mount --bind "$root" "$root" && mount -o remount,ro,bind "$root" || exit 125
mount --rbind /dev "$root/dev" && mount -t proc proc "$root/proc" || exit 125
while [ "$1" != -- ]; do
  case $1 in
    tmpfs) mount -t tmpfs -o "$3" tmpfs "$root$2" || exit 125 ;;
    *) mount --bind "$3" "$root$2" && mount -o remount,ro,bind "$root$2" || exit 125 ;;
  esac
  shift 3
done
shift
environment=$1; shift
exec setpriv --no-new-privs --bounding-set "$rights" --inh-caps "$rights" \
  env -i $environment /usr/sbin/chroot --userspec "$user" "$root" "$@"
"""


def instructions():
    """The Dockerfile's, as (name, rest): lines joined, comments gone."""
    text = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", DOCKERFILE.read_text()))
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def instruction(name):
    """The last one of that name, which is the image's."""
    return [rest for each, rest in instructions() if each == name][-1]


class Image:

    def __init__(self, folder):
        self.root = pathlib.Path(folder) / "root"
        done = subprocess.run([ROOT / "docker" / "assemble", self.root, *(bin_dir() / name for name in PROGRAMS)],
                              cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        self.path = instruction("ENV").partition("=")[2]
        self.user = instruction("USER")
        self.default_command = json.loads(instruction("CMD"))

    def command(self, words, user=None, rights=(), mounts=None, scratch=None, environment=None):
        """What runs `words` in a container whose root is read-only. `rights`: capabilities that root keeps; `mounts`: files and folders
        of ours by their place in the container; `scratch`: options of a tmpfs by its place; `environment`: beside PATH, without spaces."""
        mounting = []
        for place, options in (scratch or {}).items():
            self._make_place(place, True)
            mounting += ["tmpfs", place, options]
        for place, source in (mounts or {}).items():
            self._make_place(place, source.is_dir())
            mounting += ["bind", place, str(source)]
        variables = " ".join(f"{name}={value}" for name, value in {"PATH": self.path, **(environment or {})}.items())
        kept = ",".join(["-all", "+sys_chroot", "+setuid", "+setgid", *(f"+{right}" for right in rights)])
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", CONTAINER, "container",
                str(self.root), user or self.user, kept, *mounting, "--", variables, *map(str, words)]

    def _make_place(self, place, folder):
        """As an engine does before it starts a container."""
        path = self.root / place.lstrip("/")
        (path if folder else path.parent).mkdir(parents=True, exist_ok=True)
        if not folder:
            path.touch()

    def run(self, *words, **how):
        return subprocess.run(self.command(words, **how), capture_output=True, text=True, timeout=60)

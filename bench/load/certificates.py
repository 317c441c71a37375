"""The certificates of a run: one authority, and one P-256 leaf that every proxy shows to whoever asks."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

NAME = "bench.test"


@dataclass(frozen=True)
class Certificates:
    authority: Path
    leaf: Path
    key: Path
    bundle: Path  # leaf and key in one file, as haproxy wants them


def make(directory: Path) -> Certificates:
    made = Certificates(*(directory / name for name in ("ca.pem", "leaf.pem", "leaf.key", "bundle.pem")))
    authority_key = directory / "ca.key"
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=bench authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
             "-keyout", authority_key, "-out", made.authority)
    request, names = directory / "leaf.csr", directory / "leaf.cnf"
    names.write_text(f"subjectAltName=DNS:{NAME},IP:127.0.0.1,URI:spiffe://bench/ns/bench/sa/proxy\n"
                     "extendedKeyUsage=serverAuth,clientAuth\nkeyUsage=critical,digitalSignature\n"
                     "basicConstraints=critical,CA:FALSE\n")
    _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={NAME}",
             "-keyout", made.key, "-out", request)
    _openssl("x509", "-req", "-in", request, "-CA", made.authority, "-CAkey", authority_key, "-CAcreateserial",
             "-days", "1", "-extfile", names, "-out", made.leaf)
    made.bundle.write_bytes(made.leaf.read_bytes() + made.key.read_bytes())
    return made


def _openssl(*words) -> None:
    run = subprocess.run(["openssl", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if run.returncode != 0:
        raise RuntimeError(f"openssl {words[0]} failed: {run.stdout}")

"""What a real istiod wrote for a sidecar, as far as this build takes it: what is refused is named, and is on the list below.

The repository has no copy of such a dump: REMORA_ISTIOD_DUMP says where one is.
"""

import json
import os
import pathlib
import re
import subprocess

import pytest

from support import bootstrap as b
from support.proxy import ROOT, bin_dir

DUMP = pathlib.Path(os.environ.get("REMORA_ISTIOD_DUMP", ROOT.parent / "shared" / "data" / "istiod" / "sidecar-config-dump.json"))
pytestmark = pytest.mark.skipif(not DUMP.exists(), reason=f"no dump of an istiod at {DUMP}")

MISSING = [
    r"http_filters\[\d+\]: the HTTP filter 'envoy.filters.http.rbac' of type \S+ is not implemented",
    r"filters\[\d+\]: the network filter 'envoy.filters.network.rbac' of type \S+ is not implemented",
]
SAID = [r"tracing: has no effect", r"request_id_extension[.]typed_config: has no effect",
        r"filters\[\d+\][.]typed_config[.]protocol: 'istio-peer-exchange' is neither offered nor taken"]


def resources(config):
    """All listeners, or all clusters, of one dump's part."""
    for name, entries in config.items():
        if name == "dynamicListeners":
            yield from (("listeners", entry["activeState"]["listener"]) for entry in entries)
        elif name in ("dynamicActiveClusters", "staticClusters"):
            yield from (("clusters", entry["cluster"]) for entry in entries)


def everything():
    """The static resources of a bootstrap that has all of the dump."""
    static = {"listeners": [], "clusters": [b.cluster(name, 1, http2=True) for name in ("xds-grpc", "sds-grpc")]}
    for config in json.loads(DUMP.read_text())["configs"]:
        for kind, resource in resources(config):
            static[kind].append({key: value for key, value in resource.items() if key != "@type"})
    assert len(static["listeners"]) > 3 and len(static["clusters"]) > 5
    return static


def validate(static, folder):
    """The exit code, and the findings about these resources."""
    path = folder / "bootstrap.json"
    path.write_text(json.dumps({
        "node": {"id": "sidecar~127.0.0.1~x.default~default.svc.cluster.local", "cluster": "x"}, "static_resources": static,
        "dynamic_resources": {"ads_config": {"api_type": "GRPC", "transport_api_version": "V3", "grpc_services": [
            {"envoy_grpc": {"cluster_name": "xds-grpc"}}]}}}))
    done = subprocess.run([bin_dir() / "remora", "--mode", "validate", "-c", path], capture_output=True, text=True, timeout=30)
    return done.returncode, [line for line in (done.stdout + done.stderr).splitlines() if "static_resources." in line]


def without_filters(value, names):
    """The same without list entries of these names, at any depth."""
    if isinstance(value, list):
        return [without_filters(entry, names) for entry in value if not (isinstance(entry, dict) and entry.get("name") in names)]
    if isinstance(value, dict):
        return {key: without_filters(entry, names) for key, entry in value.items()}
    return value


def test_what_is_refused_is_known(tmp_path):
    _, findings = validate(everything(), tmp_path)
    assert [line for line in findings if not any(re.search(known, line) for known in MISSING)] == []
    assert [known for known in MISSING if not any(re.search(known, line) for line in findings)] == [], "it is there now"


def test_all_else_is_taken_and_what_has_no_effect_is_said(tmp_path):
    static = without_filters(everything(), {"envoy.filters.http.rbac", "envoy.filters.network.rbac"})
    code, findings = validate(static, tmp_path)
    assert code == 0, findings
    for said in SAID:
        assert any(re.search(said, line) for line in findings), (said, findings)

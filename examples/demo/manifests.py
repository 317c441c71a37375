"""The routing of every step, cut from the seeds' manifests the way an operator edits them."""

from __future__ import annotations

import re
from pathlib import Path


def documents(manifest: str, kind: str) -> str:
    """The resources of one kind in a manifest."""
    parts = re.split(r"^---\n", manifest, flags=re.MULTILINE)
    return "---\n".join(part for part in parts if re.search(rf"^kind: {kind}$", part, re.MULTILINE))


def substituted(text: str, old: str, new: str) -> str:
    """`text` with its only `old` replaced: an edit as an operator would make it."""
    if text.count(old) != 1:
        raise ValueError(f"expected {old!r} once, found it {text.count(old)} times")
    return text.replace(old, new)


class Manifests:
    """The routing of every step, from the seeds' manifests."""

    def __init__(self, seeds: Path, own: Path):
        self._canary = (seeds / "canary-myapp.yaml").read_text()
        self._blue_green = (seeds / "blue-green-myapp.yaml").read_text()
        self.mirror = self._with_subsets((seeds / "mirror-myapp.yaml").read_text())
        self.ab = self._with_subsets((seeds / "ab-myapp.yaml").read_text())
        self.release = (own / "api-canary.yaml").read_text()
        self.outlier = (own / "outlier-myapp.yaml").read_text()

    def canary(self, v1: int, v2: int) -> str:
        return substituted(substituted(self._canary, "weight: 90", f"weight: {v1}"), "weight: 10", f"weight: {v2}")

    def blue_green(self, color: str) -> str:
        return substituted(self._blue_green, "subset: blue", f"subset: {color}")

    def _with_subsets(self, manifest: str) -> str:
        """`manifest`, with the canary's subsets where it relies on subsets that are defined elsewhere."""
        if documents(manifest, "DestinationRule"):
            return manifest
        return manifest + "---\n" + documents(self._canary, "DestinationRule")

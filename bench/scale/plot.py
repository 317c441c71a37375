"""Draws scale.json: what the last of many routes costs against one alone, and what one change among many clusters costs.

    plot.py SCALE.json PLOT.png        (needs matplotlib: run it with the Python of build/peers)
"""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend has to be chosen first)

_COLOURS = {"remora": "#d9480f", "envoy": "#868e96"}
_CHANGES = {"cluster": "cluster_ms", "endpoint": "endpoint_ms", "virtual host": "route_ms"}


def draw(data: dict, target: str) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.4))
    cases = data.get("routes", {}).get("cases", [])
    _bars(axes[0], [f"{case['size']:,} {case['name']}" for case in cases],
          {proxy: [case["peers"].get(proxy, {}).get("ratio") for case in cases] for proxy in _COLOURS},
          "cost of the last over cost of one alone (1 is best)", "{:.2f}")
    updates = data.get("updates", {})
    _bars(axes[1], list(_CHANGES),
          {proxy: [updates.get("proxies", {}).get(proxy, {}).get(field) for field in _CHANGES.values()] for proxy in _COLOURS},
          f"CPU ms of one change among {updates.get('clusters', 0):,} clusters", "{:.1f}")
    figure.tight_layout()
    figure.savefig(target, dpi=120)


def _bars(axis, names: list[str], values: dict, title: str, form: str) -> None:
    """A group for each name, a bar for each proxy that has a value; the scale is logarithmic."""
    for shift, (proxy, figures) in enumerate(values.items()):
        for row, figure in enumerate(figures):
            if figure is not None:
                axis.barh(row + 0.35 * shift, figure, height=0.33, color=_COLOURS[proxy], label=proxy if row == 0 else None)
                axis.text(figure, row + 0.35 * shift, "  " + form.format(figure), va="center", fontsize=8)
    axis.set_yticks([row + 0.17 for row in range(len(names))], names)
    axis.set_xscale("log")
    axis.set_title(title, fontsize=10)
    axis.margins(x=0.2)
    axis.spines[["top", "right"]].set_visible(False)
    if names:
        axis.legend(fontsize=8)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as result:
        draw(json.load(result), sys.argv[2])

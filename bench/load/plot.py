"""Draws the result of a run: CPU per request and requests per second, a bar per proxy.

    plot.py RESULT.json PLOT.png        (needs matplotlib: run it with the Python of build/peers)
"""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend has to be chosen first)

_OURS, _OTHERS = "#d9480f", "#868e96"
_PANELS = (("cpu_us_per_request", "CPU microseconds per request (less is better)", "{:.1f}"),
           ("requests_per_second", "requests per second (more is better)", "{:,.0f}"))


def draw(data: dict, target: str) -> None:
    names = list(data["proxies"])[::-1]
    figure, axes = plt.subplots(1, 2, figsize=(11, 0.6 * len(names) + 1.6))
    for axis, (field, title, form) in zip(axes, _PANELS):
        values = [data["proxies"][name][field] for name in names]
        medians = [value["median"] for value in values]
        spread = [[value["median"] - value["min"] for value in values],
                  [value["max"] - value["median"] for value in values]]
        axis.barh(names, medians, xerr=spread, capsize=3,
                  color=[_OURS if name == "remora" else _OTHERS for name in names])
        for row, value in enumerate(values):
            axis.text(value["max"], row, "  " + form.format(value["median"]), va="center", fontsize=9)
        axis.set_title(title, fontsize=10)
        axis.margins(x=0.18)
        axis.spines[["top", "right"]].set_visible(False)
    settings = data["settings"]
    figure.suptitle(f"HTTP/1.1, one worker each, {settings['connections']} connections, "
                    f"median of {settings['rounds']} rounds (whiskers: min and max)", fontsize=11)
    figure.tight_layout()
    figure.savefig(target, dpi=120)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as result:
        draw(json.load(result), sys.argv[2])

"""Draws balance.json: p99 and error rate of every policy, a row of panels for each scenario.

    plot.py BALANCE.json PLOT.png        (needs matplotlib: run it with the Python of build/peers)
"""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend has to be chosen first)

_OURS, _OTHERS = "#d9480f", "#868e96"
_PANELS = (("p50_ms", "p50, ms", "{:.1f}"), ("p99_ms", "p99, ms", "{:.1f}"), ("error_percent", "failed requests, %", "{:.2f}"))


def draw(data: dict, target: str) -> None:
    scenarios = data["scenarios"]
    figure, rows = plt.subplots(len(scenarios), len(_PANELS), figsize=(12, 2.8 * len(scenarios)), squeeze=False)
    for axes, scenario in zip(rows, scenarios.values()):
        names = list(scenario["contenders"])[::-1]
        for axis, (field, title, form) in zip(axes, _PANELS):
            values = [scenario["contenders"][name][field] for name in names]
            medians = [value["median"] for value in values]
            spread = [[value["median"] - value["min"] for value in values], [value["max"] - value["median"] for value in values]]
            axis.barh(names, medians, xerr=spread, capsize=2,
                      color=[_OURS if name.startswith("remora") else _OTHERS for name in names])
            for row, value in enumerate(values):
                axis.text(value["max"], row, "  " + form.format(value["median"]), va="center", fontsize=8)
            axis.set_title(title, fontsize=9)
            axis.margins(x=0.2)
            axis.set_xlim(left=0)
            axis.tick_params(labelsize=8)
            axis.spines[["top", "right"]].set_visible(False)
            if axis is not axes[0]:
                axis.set_yticklabels([])
        axes[0].set_ylabel(scenario["text"], fontsize=8, wrap=True)
    settings = data["settings"]
    figure.suptitle(f"{settings['rate']:,} requests/s to 11 hosts, one worker; median of {settings['rounds']} rounds (whiskers: min and max)", fontsize=11)
    figure.tight_layout()
    figure.savefig(target, dpi=120)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as result:
        draw(json.load(result), sys.argv[2])

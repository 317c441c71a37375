"""`bench/run.py scale`: what the size of a configuration costs, Envoy and Remora side by side.

Each measurement is a module with `TITLE`, `run(arguments, setup, processes, say) -> dict` (plain data) and
`rows(data) -> list[str]` (lines of markdown). They run one after the other; what one has started ends with it.
"""

from scale import routes, start, updates

MEASUREMENTS = {"routes": routes, "start": start, "updates": updates}
NAMES = tuple(MEASUREMENTS)

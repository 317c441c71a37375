"""Progress and results as text: lines that update in place on a terminal, and plain lines anywhere else."""

from __future__ import annotations

import shutil
import sys

_TEXT_COLUMNS = 96  # what a line of progress needs beside its two bars


def bar(share: float, wanted: float, width: int) -> str:
    """A bar filled to `share`, with a mark where `wanted` is."""
    cells = ["█" if position < round(share * width) else "·" for position in range(width)]
    cells[min(width - 1, round(wanted * width))] = "|"
    return "".join(cells)


class Screen:
    """Where the demo writes."""

    def __init__(self, stream=sys.stdout):
        self._stream = stream
        self._in_place = stream.isatty()
        self._open_line = False
        self._last_quarter: tuple[str, int] | None = None

    def line(self, text: str = "") -> None:
        if self._open_line:
            self._stream.write("\r\x1b[2K")
            self._open_line = False
        self._stream.write(text + "\n")
        self._stream.flush()

    def progress(self, step: str, shares: dict[str, float], wanted: dict[str, float], done: int, total: int,
                 failed: int) -> None:
        """The live state of a step. On a terminal each call replaces the last; else every quarter is a line."""
        columns = shutil.get_terminal_size((140, 24)).columns
        width = max(6, min(24, (columns - _TEXT_COLUMNS) // 2))
        parts = [f"{name} {bar(share, wanted[name], width)} {share:6.1%} (want {wanted[name]:.0%})"
                 for name, share in shares.items()]
        text = f"  {'   '.join(parts)}   {done}/{total} requests, {failed} failed"
        if self._in_place:
            self._stream.write("\r\x1b[2K" + text[:columns - 1])  # a line that wraps could not be replaced
            self._stream.flush()
            self._open_line = True
            return
        quarter = (step, 4 * done // total)
        if quarter != self._last_quarter:
            self._last_quarter = quarter
            self.line(text)

    def keep(self) -> None:
        """Lets the live line stand."""
        if self._open_line:
            self._stream.write("\n")
            self._open_line = False

    def table(self, header: list[str], rows: list[list[str]]) -> None:
        widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
        for row in [header, ["-" * width for width in widths], *rows]:
            self.line("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())

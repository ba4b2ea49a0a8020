"""
Running cases in turns and printing what came out: medians, ranges, ratios to a baseline.
"""

import argparse
import gc
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


def parser(description: str | None, *, runs: int) -> argparse.ArgumentParser:
    """
    Make an argument parser with the options that every benchmark has.
    """
    made = argparse.ArgumentParser(description=(description or "").strip())
    made.add_argument("--runs", type=int, default=runs, help="how often each case is measured")
    made.add_argument("--seed", type=int, default=1, help="of the made-up work")
    return made


def in_turns(
    cases: Mapping[str, Callable[[], float]], runs: int, *, warm_up: bool = True
) -> dict[str, list[float]]:
    """
    Measure every case `runs` times, one after the other, so that a slow moment of the
    machine meets all of them.

    Args:
        warm_up: Run every case once before, without counting it.
    """
    found: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(-int(warm_up), runs):
        for name, case in cases.items():
            gc.collect()
            value = case()
            if number >= 0:
                found[name].append(value)
    return found


def show(
    title: str,
    found: Mapping[str, Sequence[float]],
    *,
    unit: str,
    baselines: Sequence[str],
    goal: str | None = None,
    digits: int = 1,
) -> None:
    """
    Print a table: median, range, and the ratio of medians to each baseline.
    """
    width = max(len(name) for name in found)
    heads = [f"÷ {name}" for name in baselines]
    print(f"\n{title} ({unit})" + (f"; goal {goal}" if goal else ""))
    print("  ".join([" " * width, f"{'median':>10}", f"{'min – max':>21}", *heads]))
    for name, values in found.items():
        median = statistics.median(values)
        ends = f"{min(values):.{digits}f} – {max(values):.{digits}f}"
        ratios = [
            _ratio(median, statistics.median(found[b])).rjust(len(head))
            for b, head in zip(baselines, heads, strict=True)
        ]
        print("  ".join([name.ljust(width), f"{median:>10.{digits}f}", f"{ends:>21}", *ratios]))


def show_machine() -> None:
    """
    Print what the figures were measured on.
    """
    print(
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    )


@contextmanager
def folder() -> Iterator[Path]:
    """
    Give a folder on the disk that temporary files are on, removed at the end.
    """
    with tempfile.TemporaryDirectory(prefix="otel-bridge-bench-") as name:
        yield Path(name)


def percentile(values: Sequence[float], share: float) -> float:
    """
    Give the value below which a share of the values lies.
    """
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def note(text: str) -> None:
    """
    Say how far things are, apart from the figures.
    """
    print(text, file=sys.stderr, flush=True)


def _ratio(value: float, baseline: float) -> str:
    return f"{value / baseline:.2f}" if baseline else "–"

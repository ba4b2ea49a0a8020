"""
The sizes that people type after `--max-size`, and how sizes are shown.
"""

import re

import typer

_TYPED = re.compile(r"(\d+(?:\.\d+)?)\s*(b|kb|mb|gb|tb|kib|mib|gib|tib)?")
_UNITS = ("b", "kb", "mb", "gb", "tb")


def parse_size(typed: str) -> int:
    """
    Read a number of bytes: `500MB`, `1.5 GB`, `200MiB`, or a plain number.

    Raises:
        typer.BadParameter: It is none of these.
    """
    match = _TYPED.fullmatch(typed.strip().lower())
    if match is None:
        raise typer.BadParameter(f"{typed!r} is not a size; write 500MB, 1.5GB or 200MiB")
    unit = match[2] or "b"
    base = 1024 if unit.endswith("ib") else 1000
    return int(float(match[1]) * base ** _UNITS.index(unit.replace("i", "")))


def size(count: int) -> str:
    """
    Show a number of bytes as people read it.
    """
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"

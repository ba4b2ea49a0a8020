"""
What DuckDB says is wrong with a statement, on one line, and where.
"""

import re

# The line of the statement, or a part of a long one, with marks below the place.
_PLACE = re.compile(r"\n+LINE (\d+): (.*)\n( *)\^+\s*\Z")
_CUT = "..."


def said(error: Exception, text: str, *, before: int = 0) -> str:
    """
    Give what DuckDB says of an error in a statement, with its hints, on one line.

    Args:
        text: The statement; a place is told only where it is known.
        before: How many characters of its first line are not the reader's.
    """
    message = str(error)
    place = _PLACE.search(message)
    if place is None:
        return _one_line(message)
    what, line, lines = _one_line(message[: place.start()]), int(place[1]), text.split("\n")
    if line > len(lines):
        return what
    shown, marked = place[2], len(place[3]) - len(f"LINE {line}: ")
    if shown.startswith(_CUT):
        part = shown.removeprefix(_CUT).removesuffix(_CUT)
        marked += max(lines[line - 1].find(part), 0) - len(_CUT)
    return f"{what} (line {line}, column {marked + 1 - (before if line == 1 else 0)})"


def placed(message: str, text: str, offset: int | None) -> str:
    """
    Say where in a statement something is wrong.

    Args:
        offset: Bytes of UTF-8 before it; None, or more than there are, where not known.
    """
    whole = text.encode("utf-8", "surrogatepass")
    if offset is None or offset > len(whole):
        return message
    begun = whole[:offset].decode("utf-8", "replace")
    line, start = begun.count("\n") + 1, begun.rpartition("\n")[2]
    return f"{message} (line {line}, column {len(start) + 1})"


def _one_line(message: str) -> str:
    return " ".join(message.split())

"""
The part of a text that is shown of a hit.
"""

import re
from dataclasses import dataclass

from otel_bridge_queries.search.highlighter import CLOSED, OPENED
from otel_bridge_queries.search.words import APART

_LENGTH = 160
_BEFORE = 40
_MARK = re.compile(f"([{OPENED}{CLOSED}])")


@dataclass(frozen=True, slots=True)
class Snippet:
    """
    A line of text around what was found.

    Attributes:
        marks: Where matches begin and end in the text, in characters.
    """

    text: str
    marks: list[list[int]]


def snippet_of(marked: str) -> Snippet:
    """
    Cut the most telling line out of a text with marks in it.
    """
    text, marks = _read(" ".join(marked.replace(APART, "").split()))
    if len(text) <= _LENGTH or not marks:
        return Snippet(text[:_LENGTH], [list(mark) for mark in marks])
    start = _start(text, marks)
    end = min(start + _LENGTH, len(text))
    opening, closing = "…" if start else "", "…" if end < len(text) else ""
    shift = len(opening) - start
    inside = [
        [max(begun, start) + shift, min(ended, end) + shift]
        for begun, ended in marks
        if ended > start and begun < end
    ]
    return Snippet(f"{opening}{text[start:end]}{closing}", inside)


def _read(marked: str) -> tuple[str, list[tuple[int, int]]]:
    text, marks, begun, length = [], [], 0, 0
    for piece in _MARK.split(marked):
        if piece == OPENED:
            begun = length
        elif piece == CLOSED:
            marks.append((begun, length))
        else:
            text.append(piece)
            length += len(piece)
    return "".join(text), marks


def _start(text: str, marks: list[tuple[int, int]]) -> int:
    """
    Say where the stretch with the most matches begins, at the beginning of a word.
    """
    best, most, last = 0, 0, 0
    room = _LENGTH - _BEFORE
    for first, (begun, _) in enumerate(marks):
        last = max(last, first)
        while last + 1 < len(marks) and marks[last + 1][1] <= begun + room:
            last += 1
        if last - first + 1 > most:
            best, most = first, last - first + 1
    match = marks[best][0]
    start = max(0, min(match - _BEFORE, len(text) - _LENGTH))
    space = text.find(" ", max(start - 1, 0), match)
    return start if start == 0 or space < 0 else space + 1

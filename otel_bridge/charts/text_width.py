"""
How wide a text is about to be, without a font at hand, and how to shorten it.
"""

import unicodedata

ELLIPSIS = "…"
_NARROW = frozenset("iIjl.,:;'|!()[]{}-` ")
_MEDIUM = frozenset('frt/\\"*°')
_BROAD = frozenset("mwMW%@—…")


def text_width(text: str, size: float) -> float:
    """
    Estimate the width of a text in a sans-serif font of a size, rather too wide than not.
    """
    return sum(map(_em, text)) * size


def shortened(text: str, room: float, size: float) -> str:
    """
    Cut a text to the room there is, in its middle, where names differ least.
    """
    if text_width(text, size) <= room:
        return text
    kept = len(text)
    while kept > 1:
        kept -= 1
        head = (kept + 1) * 2 // 3
        cut = f"{text[:head].rstrip()}{ELLIPSIS}{text[len(text) - (kept - head) :].lstrip()}"
        if text_width(cut, size) <= room:
            return cut
    return ELLIPSIS


def _em(character: str) -> float:
    if character in _NARROW:
        return 0.34
    if character in _MEDIUM:
        return 0.42
    if character in _BROAD:
        return 0.95
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    if unicodedata.combining(character):
        return 0.0
    return 0.7 if character.isupper() else 0.58

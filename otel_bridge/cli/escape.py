"""
Stored text made safe to show: no control character of it reaches a terminal.

Names and messages come from models and from the network. What could move the cursor,
change colours or reorder text is shown as the escape that Python would write.
"""

import re

_C0_AND_C1 = r"\x00-\x1f\x7f-\x9f"
_BIDI_AND_BREAKS = r"\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_SURROGATES = r"\ud800-\udfff"

_UNSAFE = re.compile(f"[{_C0_AND_C1}{_BIDI_AND_BREAKS}{_SURROGATES}]")
_UNSAFE_IN_LINES = re.compile(f"(?![\t\n])[{_C0_AND_C1}{_BIDI_AND_BREAKS}{_SURROGATES}]")
_NAMED = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}


def visible(text: str) -> str:
    """
    Escape everything that is not plain text, line breaks included.
    """
    return _UNSAFE.sub(_escaped, text)


def visible_lines(text: str) -> str:
    """
    Escape everything that is not plain text, but keep line feeds and tabs.
    """
    return _UNSAFE_IN_LINES.sub(_escaped, text)


def one_line(text: str) -> str:
    """
    Fold all white space into single spaces, then escape what is left.
    """
    return visible(" ".join(text.split()))


def json_escaped(document: str) -> str:
    """
    Escape, inside finished JSON, what JSON allows raw and a terminal would obey.
    """
    return _UNSAFE_IN_LINES.sub(lambda match: f"\\u{ord(match.group()):04x}", document)


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    return _NAMED.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")

"""
SVG written as text: elements whose attributes and texts are escaped.
"""

import re

# What XML 1.0 has no way to write, not even as an escape.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What would turn the text around it, or break its line.
_UNSEEN = re.compile("[\t\n\r\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


def escaped(text: str) -> str:
    """
    Make a text that may come from anywhere safe inside XML and HTML, on one line.
    """
    return _UNSEEN.sub(" ", _NOT_XML.sub("\ufffd", text)).translate(_ESCAPES)


def element(tag: str, *inner: str, **attributes: str | float | None) -> str:
    """
    Write an element.

    Args:
        tag: Its name.
        inner: Finished elements or escaped text.
        attributes: Their names have `_` for `-`, and one at the end where Python has the
            name for itself; those that are None are left out.
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{written}>{''.join(inner)}</{tag}>" if inner else f"<{tag}{written}/>"


def label(text: str, x: float, y: float, kind: str = "ob-text", **attributes: str | float) -> str:
    """
    Write a text at a place.
    """
    return element("text", escaped(text), x=x, y=y, class_=kind, **attributes)


def title(text: str) -> str:
    """
    Write what is shown while the pointer rests on an element, and is read aloud for it.
    """
    return element("title", escaped(text))


def number(value: float) -> str:
    """
    Write a coordinate, to a hundredth.
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _value(value: str | float) -> str:
    return escaped(value) if isinstance(value, str) else number(value)

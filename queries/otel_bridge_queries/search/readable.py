"""
What there is to read in a stored message: its words, without the JSON around them.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_PROMPTS = ("system", "developer")
_PLAIN_PARTS = ("text", "reasoning", "refusal")
_DEEPEST = 50
# What nobody reads: images and other data that travel as text.
_DATA = re.compile(r"[A-Za-z0-9+/_=-]{400,}")
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Readable:
    """
    The words of a message.

    Attributes:
        is_prompt: The message tells the model how to behave.
    """

    text: str
    is_prompt: bool


def readable(body: str) -> Readable:
    """
    Give what there is to read in the body of a stored message.

    Of a message in JSON: its texts, reasoning, and what its tool calls and their answers
    hold; of other JSON, its names and values; any other text as it is. Data of 400
    characters and more without a space, such as images, is left out.
    """
    try:
        loaded = _loaded(body)
        lines = list(_lines(loaded, 0))
    except RecursionError:
        loaded, lines = None, [body]
    role = loaded.get("role") if _is_message(loaded) else None
    return Readable(_clean("\n".join(lines)), role in _PROMPTS)


def _lines(value: Any, depth: int) -> Iterator[str]:
    if _is_message(value):
        for part in value["parts"]:
            yield from _part(part, depth)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _named(key, item, depth)
    elif isinstance(value, list):
        for item in value:
            yield from _lines(_loaded(item), _deeper(depth))
    elif isinstance(value, str):
        yield value
    elif value is not None:
        yield json.dumps(value)


def _part(part: Any, depth: int) -> Iterator[str]:
    if not isinstance(part, dict):
        yield from _lines(part, _deeper(depth))
        return
    kind = part.get("type")
    if kind in _PLAIN_PARTS and isinstance(part.get("content"), str):
        yield part["content"]
    elif kind == "tool_call":
        yield from _named(str(part.get("name")), part.get("arguments"), depth)
    elif kind == "tool_call_response":
        yield from _lines(_loaded(part.get("response")), _deeper(depth))
    else:
        told = {key: item for key, item in part.items() if key not in ("type", "id")}
        yield from _lines(told, _deeper(depth))


def _named(name: str, value: Any, depth: int) -> Iterator[str]:
    lines = list(_lines(_loaded(value), _deeper(depth)))
    yield f"{name}: {lines[0]}" if lines else name
    yield from lines[1:]


def _loaded(value: Any) -> Any:
    """
    Read JSON inside of a text; arguments often travel so.
    """
    if not isinstance(value, str) or not value.startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _deeper(depth: int) -> int:
    if depth == _DEEPEST:
        raise RecursionError
    return depth + 1


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and "role" in value and isinstance(value.get("parts"), list)


def _clean(text: str) -> str:
    if len(text) >= 400:
        text = _DATA.sub("…", text)
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)

"""
Attribute values as JSON text, without loss of type and with long texts kept apart.

Plain JSON wherever it says the same, so that `json_extract` works on what people look
for. What JSON cannot say, and long texts, are objects with one key that begins with `$`:

    {"$bytes": "base64"}   {"$double": "NaN"}   {"$map": {…}} for a map with such keys
    {"$text": id}          {"$list": [ids], "$separator": ", "}

The last two stand for texts of the `messages` table: one text, or a JSON array cut
into its elements, so that a prompt which grows by a message stores only that message.
"""

import base64
import json
import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

LONG_TEXT = 200
_LONGEST_REMEMBERED = 1 << 20


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse)


class Text:
    """
    A long text on its way into the `messages` table.
    """

    __slots__ = ("body",)

    def __init__(self, body: str) -> None:
        self.body = body


class TextList:
    """
    A JSON array whose elements are on their way into the `messages` table.
    """

    __slots__ = ("bodies", "separator")

    def __init__(self, bodies: tuple[str, ...], separator: str) -> None:
        self.bodies = bodies
        self.separator = separator


def prepare(attributes: Mapping[str, Any], found: Callable[[str], None]) -> dict[str, Any]:
    """
    Make a map of attributes ready for `encoder`, telling `found` of every long text in it.
    """
    return {
        key: value
        if (kind := type(value)) is int or (kind is str and len(value) < LONG_TEXT)
        else _prepare(value, found)
        for key, value in attributes.items()
    }


def prepare_value(value: Any, found: Callable[[str], None]) -> Any:
    """
    Make one value ready for `encoder`, telling `found` of every long text in it.
    """
    return _prepare(value, found)


def encoder(text_id: Callable[[str], int]) -> Callable[[Any], str]:
    """
    Make what writes prepared values as JSON text; `text_id` gives a long text's row id.
    """

    def default(value: Any) -> Any:
        if isinstance(value, Text):
            return {"$text": text_id(value.body)}
        if isinstance(value, TextList):
            return {"$list": [text_id(b) for b in value.bodies], "$separator": value.separator}
        raise TypeError(f"{type(value).__name__} is not a telemetry value")

    encode = _compact(default)

    def write(prepared: Any) -> str:
        text = encode(prepared)
        return text if text.isascii() else _storable(text)

    return write


def _compact(default: Callable[[Any], Any]) -> Callable[[Any], str]:
    """
    Make an encoder of JSON without spaces, of values that hold no circles.
    """
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return json.JSONEncoder(default=default, ensure_ascii=False, separators=(",", ":")).encode
    # What `JSONEncoder` makes anew for each value, which costs as much as most values do.
    quote = json.encoder.encode_basestring
    parts = make(None, default, quote, None, ":", ",", False, False, True)
    return lambda value: "".join(parts(value, 0))


def plain(value: Any) -> str:
    """
    Write a value as JSON text with every text in place; `resolve` turns it back.
    """
    return json.dumps(_prepare(value, None), separators=(",", ":"))


def canonical(value: Any) -> str:
    """
    Write a value as JSON text that is the same for equal values, whatever their order.
    """
    return json.dumps(_prepare(value, None), sort_keys=True, separators=(",", ":"))


def load(text: str | None) -> Any:
    """
    Read what `encoder` wrote, with references still in place; `resolve` fills them in.
    """
    return None if text is None else json.loads(text)


def references(raw: Any) -> Iterable[int]:
    """
    List the message ids that a loaded value refers to.
    """
    if isinstance(raw, list):
        for item in raw:
            yield from references(item)
    elif isinstance(raw, dict):
        tag = next(iter(raw), "")
        if tag == "$text":
            yield raw[tag]
        elif tag == "$list":
            yield from raw[tag]
        elif tag == "$map":
            yield from map_references(raw[tag])
        elif not tag.startswith("$"):
            yield from map_references(raw)


def map_references(raw: Mapping[str, Any]) -> Iterable[int]:
    """
    List the message ids that a loaded map of attributes refers to.
    """
    for item in raw.values():
        yield from references(item)


def resolve_map(raw: Mapping[str, Any], texts: Mapping[int, str]) -> dict[str, Any]:
    """
    Turn a loaded map of attributes back into what was stored.
    """
    return {key: resolve(value, texts) for key, value in raw.items()}


def resolve(raw: Any, texts: Mapping[int, str]) -> Any:
    """
    Turn a loaded value back into what was stored.
    """
    if isinstance(raw, list):
        return [resolve(item, texts) for item in raw]
    if not isinstance(raw, dict):
        return raw
    if (tag := next(iter(raw), "")).startswith("$"):
        return _untag(tag, raw, texts)
    return resolve_map(raw, texts)


def split_array(text: str) -> TextList | None:
    """
    Cut the text of a JSON array into the exact texts of its elements.

    Returns:
        None where the text is not an array or could not be put together again.
    """
    if not text.startswith("["):
        return None
    cut = cut_array(text)
    return None if cut is None else cut.parts


@dataclass(frozen=True, slots=True)
class Cut:
    """
    A JSON array cut into its elements.

    Attributes:
        stem: Its text without the closing bracket; what a longer array begins with.
        items: Each element and its own exact text.
        parts: The same texts, to be stored.
    """

    stem: str
    items: tuple[tuple[Any, str], ...]
    parts: TextList


class _Recent(threading.local):
    """
    What a thread cut last; nobody else adds to it while it is looked through.
    """

    def __init__(self) -> None:
        self.cuts: deque[Cut] = deque(maxlen=16)


_recent = _Recent()


def cut_array(text: str) -> Cut | None:
    """
    Cut the text of a JSON array into its elements; nobody may change what it gives.

    A conversation grows by the message: what an earlier one was cut into is not cut again.

    Returns:
        None where the text is not an array, or its elements are not separated evenly.
    """
    for known in reversed(_recent.cuts):
        size = len(known.stem)
        # A number at the end of the stem may go on in the text.
        if text.startswith(known.stem) and text[size : size + 1] in ("]", ","):
            if len(text) == size + 1:
                return known
            cut = _cut(text, known)
            break
    else:
        cut = _cut(text, None)
    if cut is not None and cut.items and len(text) <= _LONGEST_REMEMBERED:
        _recent.cuts.append(cut)
    return cut


def _cut(text: str, known: Cut | None) -> Cut | None:
    if not text.startswith("[") or not text.endswith("]"):
        return None
    items = [] if known is None else list(known.items)
    position = 1 if known is None else len(known.stem)
    separator = known.parts.separator if known is not None and len(items) > 1 else None
    last = len(text) - 1
    try:
        while position < last:
            if items:
                if separator is None:
                    separator = ", " if text.startswith(", ", position) else ","
                if not text.startswith(separator, position):
                    return None
                position += len(separator)
            item, end = _decoder.raw_decode(text, position)
            items.append((item, text[position:end]))
            position = end
    except (ValueError, RecursionError):
        return None
    if position != last:
        return None
    bodies = tuple(body for _, body in items)
    return Cut(text[:-1], tuple(items), TextList(bodies, separator or ", "))


def _prepare(value: Any, found: Callable[[str], None] | None) -> Any:
    kind = type(value)
    if kind is str or isinstance(value, str):
        return value if found is None or len(value) < LONG_TEXT else _long(value, found)
    if value is None or kind is int or kind is bool or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$double": str(value)}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if kind is dict or (kind is not list and kind is not tuple and isinstance(value, Mapping)):
        inner = {str(key): _prepare(item, found) for key, item in value.items()}
        tagged = any(key.startswith("$") for key in inner)
        return {"$map": inner} if tagged else inner
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_prepare(item, found) for item in value]
    return _prepare(str(value), found)


def _long(text: str, found: Callable[[str], None]) -> Text | TextList | str:
    # PostgreSQL cannot hold NUL in a text of its own; as JSON it is escaped.
    if "\x00" in text or not _is_utf8(text):
        return text
    parts = split_array(text)
    if parts is None:
        found(text)
        return Text(text)
    for body in parts.bodies:
        found(body)
    return parts


def _untag(tag: str, raw: dict[str, Any], texts: Mapping[int, str]) -> Any:
    value = raw[tag]
    if tag == "$text":
        return texts[value]
    if tag == "$list":
        return "[" + raw["$separator"].join(texts[item] for item in value) + "]"
    if tag == "$bytes":
        return base64.b64decode(value)
    if tag == "$double":
        return float(value)
    return resolve_map(value, texts)


def _storable(text: str) -> str:
    """
    Escape lone surrogates, which a database cannot hold as text.
    """
    if _is_utf8(text):
        return text
    return "".join(f"\\u{ord(c):04x}" if 0xD800 <= ord(c) <= 0xDFFF else c for c in text)


def clean(text: str) -> str:
    """
    Replace lone surrogates, which neither OTLP nor a database can hold in a text.
    """
    if text.isascii() or _is_utf8(text):
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True

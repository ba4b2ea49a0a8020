"""
The text of a stored message, for people and for search.
"""

import json
from typing import Any


def message_text(body: str | None) -> str | None:
    """
    Give the text of a message: its text parts in a row.

    A message without text parts that answers a tool call has the answer as its text. A
    body that is not a message in JSON is text itself.
    """
    if body is None or not body.startswith("{"):
        return body
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return body
    parts = message.get("parts")
    if "role" not in message or not isinstance(parts, list):
        return body
    return _joined(parts, "text", "content") or _joined(parts, "tool_call_response", "response")


def distinct_texts(items: str | None) -> str:
    """
    Give a JSON list of texts with each of them once, in the order of first appearance.

    What is no list of texts is an empty one.
    """
    if items is None:
        return "[]"
    try:
        found = json.loads(items)
    except (ValueError, RecursionError):
        return "[]"
    texts = [item for item in found if isinstance(item, str)] if isinstance(found, list) else []
    return json.dumps(list(dict.fromkeys(texts)))


def first_id(items: str) -> str | None:
    """
    Give the first of a JSON list of ids.
    """
    first = items.strip("[]").partition(",")[0].strip()
    return first if first.isdecimal() else None


def _joined(parts: list[Any], kind: str, field: str) -> str:
    return "".join(
        _plain(part.get(field))
        for part in parts
        if isinstance(part, dict) and part.get("type") == kind
    )


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return (
        value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    )

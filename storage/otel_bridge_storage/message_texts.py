"""
Stored messages as data, and the text that they say.
"""

import json
from collections.abc import Mapping
from typing import Any


def message_of(body: str) -> dict[str, Any]:
    """
    Read a stored message; text that is not one becomes a message of one part.
    """
    loaded = json_or_text(body)
    if isinstance(loaded, dict) and isinstance(loaded.get("parts"), list):
        return loaded
    return {"role": None, "parts": [{"type": "text", "content": body}]}


def text_of(message: Mapping[str, Any]) -> str:
    """
    Put together what the text parts of a message say.
    """
    said = (
        part.get("content")
        for part in message["parts"]
        if isinstance(part, dict) and part.get("type") == "text"
    )
    return "".join(text for text in said if isinstance(text, str))


def is_plain(message: Mapping[str, Any]) -> bool:
    """
    Say whether a message is text and nothing else.
    """
    return all(isinstance(part, dict) and part.get("type") == "text" for part in message["parts"])


def json_or_text(text: str | None) -> Any:
    """
    Read JSON where it is JSON; other text stays as it is.
    """
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text

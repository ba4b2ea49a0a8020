"""
Labels: tags and metadata as short texts that a database compares and finds by an index.
"""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from otel_bridge_storage.values import clean, plain, resolve

TAG, METADATA = "tag", "metadata"
_LONGEST = 200
_NO_TAGS, _NO_METADATA = "[]", "{}"


def run_labels_of(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    Give the rows of `run_labels` that a row of `runs` makes.
    """
    if not has_labels(run):
        return []
    own = {"run_id": run["run_id"], "started_ns": run["started_ns"]}
    metadata = resolve(json.loads(run["metadata"]), {})
    told = {(TAG, "", comparable(tag)) for tag in json.loads(run["tags"])}
    told |= {(METADATA, key(name), comparable(value)) for name, value in metadata.items()}
    return [{**own, "kind": kind, "name": name, "value": v} for kind, name, v in sorted(told)]


def has_labels(run: Mapping[str, Any]) -> bool:
    """
    Whether a row of `runs` has tags or metadata.
    """
    return bool(run["tags"] != _NO_TAGS or run["metadata"] != _NO_METADATA)


def key(name: str) -> str:
    """
    Give the text under which a key of metadata is found.
    """
    return short(clean(name).replace("\x00", "\ufffd"))


def comparable(value: Any) -> str:
    """
    Give a text that is the same for equal values and differs for others.

    Numbers are the same if they are equal, and never the same as true or false; lists
    and maps are compared as JSON, whatever the order of a map's keys.
    """
    return short(json.dumps(_even(json.loads(plain(value))), sort_keys=True))


def short(text: str) -> str:
    """
    Give a text that an index can hold: the text itself, or a digest of a long one.
    """
    if len(text) <= _LONGEST:
        return text
    return "#" + blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _even(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_even(item) for item in value]
    if isinstance(value, dict):
        return {key: _even(item) for key, item in value.items()}
    return value

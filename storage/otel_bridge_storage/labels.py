"""
Labels: tags and metadata as short texts that a database compares and finds by an index.
"""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from otel_bridge_storage.values import plain, resolve

TAG, METADATA = "tag", "metadata"
_LONGEST = 200


def run_labels_of(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    Give the rows of `run_labels` that a row of `runs` makes.
    """
    own = {"run_id": run["run_id"], "started_ns": run["started_ns"]}
    tags = [{**own, "kind": TAG, "name": "", "value": v} for v in _tags(run["tags"])]
    metadata = [
        {**own, "kind": METADATA, "name": short(name), "value": comparable(value)}
        for name, value in resolve(json.loads(run["metadata"]), {}).items()
    ]
    return tags + metadata


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


def _tags(tags: str) -> set[str]:
    return {comparable(tag) for tag in json.loads(tags)}


def _even(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_even(item) for item in value]
    if isinstance(value, dict):
        return {key: _even(item) for key, item in value.items()}
    return value

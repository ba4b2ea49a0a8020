"""
Finding runs by their metadata: the same value under the same key, in bound SQL.

Metadata is compared as the JSON that is stored. Keys are never made part of a JSON
path, so they may be any text.
"""

import json
from typing import Any

from sqlalchemy import ColumnElement, TextClause, bindparam, text
from sqlalchemy.sql.elements import BindParameter

from otel_bridge_storage.values import plain

# A map with keys that begin with $ is stored as {"$map": map}; see `values`.
_ENTRIES = """
EXISTS (
    SELECT 1
    FROM json_each(
        CASE WHEN json_type(runs.metadata, '$."$map"') IS NULL THEN runs.metadata
        ELSE json_extract(runs.metadata, '$."$map"') END
    ) AS entry
    WHERE entry.key = json_extract(:key, '$') AND {condition}
)
"""
_TREE = "SELECT fullkey, replace(type, 'integer', 'real'), atom FROM json_tree({json})"
_STORED, _WANTED = _TREE.format(json="entry.value"), _TREE.format(json=":wanted")
_SAME_TREE = f"NOT EXISTS ({_STORED} EXCEPT {_WANTED}) AND NOT EXISTS ({_WANTED} EXCEPT {_STORED})"
_SAME_ATOM = "entry.value = json_extract(:wanted, '$')"
_CONDITIONS = {
    kind: _ENTRIES.format(condition=condition)
    for kind, condition in {
        "null": "entry.type = 'null'",
        "true": "entry.type = 'true'",
        "false": "entry.type = 'false'",
        "number": f"entry.type IN ('integer', 'real') AND {_SAME_ATOM}",
        "text": f"entry.type = 'text' AND {_SAME_ATOM}",
        "array": f"entry.type = 'array' AND {_SAME_TREE}",
        "object": f"entry.type = 'object' AND {_SAME_TREE}",
    }.items()
}


def has_metadata(key: object, value: Any) -> ColumnElement[bool]:
    """
    Give the condition that a run's metadata has this value under this key.

    None means that the key is there and its value is null. Numbers are the same if
    they are equal, and never the same as true or false; lists and maps are compared as
    JSON, whatever the order of a map's keys.
    """
    wanted = plain(value)
    condition: TextClause = text(_CONDITIONS[_kind(json.loads(wanted))])
    bound: list[BindParameter[str]] = [bindparam("key", json.dumps(str(key)), unique=True)]
    if ":wanted" in condition.text:
        bound.append(bindparam("wanted", wanted, unique=True))
    return condition.bindparams(*bound)  # type: ignore[return-value] # it is a condition


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "array" if isinstance(value, list) else "object"

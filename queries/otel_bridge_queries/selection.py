"""
What a report is asked: which group keys, which rows, which span of time.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypedDict

from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.fitting import fitting

from otel_bridge_queries.catalog import BOUNDS, METADATA
from otel_bridge_queries.moments import Moment, moment_ns, zone_named

Names = str | Iterable[str] | None

# As many as there are columns for in the views of `asked.sql`.
MOST_METADATA_KEYS = 3
# What the database keeps however long it is; other names it cuts.
_WHOLE = ("model", "provider", METADATA)
_FURTHEST_NS = 2**63 - 1


class Filters(TypedDict, total=False):
    """
    Which rows a report takes in; None and what is left out mean all.

    A text or several: a row is taken in if it has any of them. `metadata` maps keys to
    such values: a row is taken in if its run has one of them under each key. `since` is inclusive,
    `until` exclusive, both about when a call or run started: an aware datetime, ISO text
    (without an offset: in the report's time zone), or how long ago, such as `30m`,
    `12h`, `7d`, `2w`.
    """

    agent_name: Names
    model: Names
    provider: Names
    session_id: Names
    user_id: Names
    tenant_id: Names
    run_id: Names
    service: Names
    operation: Names
    status: Names
    tag: Names
    metadata: Mapping[str, Names] | None
    tool_name: Names
    since: Moment | None
    until: Moment | None


def names_in(value: Names, what: str) -> list[str] | None:
    """
    Give one name or several as a list, each once.

    Raises:
        QueryError: They are not texts.
    """
    if value is None:
        return None
    names = [value] if isinstance(value, str) else value
    if isinstance(names, Iterable):
        names = list(dict.fromkeys(names))
        if all(isinstance(name, str) for name in names):
            return names
    raise QueryError(f"{what}={value!r} is neither a text nor a list of texts")


def group_keys(by: Names, valid: Collection[str]) -> list[str]:
    """
    Check the group keys that were asked for.

    Raises:
        QueryError: One of them is unknown.
    """
    keys = names_in(by, "by") or []
    for key in keys:
        if not _is_key(key, valid):
            names = ("metadata.KEY" if each == METADATA else each for each in valid)
            raise QueryError(f"cannot group by {key!r}: the keys are {', '.join(names)}")
    if sum(key.startswith(f"{METADATA}.") for key in keys) > MOST_METADATA_KEYS:
        raise QueryError(f"group by at most {MOST_METADATA_KEYS} keys of the metadata at once")
    return keys


def _is_key(key: str, valid: Collection[str]) -> bool:
    start = f"{METADATA}."
    if key.startswith(start):
        return METADATA in valid and key != start
    return key in valid and key != METADATA


def filter_parameters(
    filters: Mapping[str, Any], valid: Collection[str], *, zone: str, now_ns: int
) -> dict[str, Any]:
    """
    Turn filters into the parameters of a report, the absent ones as NULL.

    Raises:
        QueryError: One is unknown to the report or makes no sense.
    """
    for name, value in filters.items():
        if value is not None and name not in valid:
            raise QueryError(f"cannot filter by {name!r}: the filters are {', '.join(valid)}")
    known = zone_named(zone)
    parameters: dict[str, Any] = {}
    for name in valid:
        value = filters.get(name)
        if name in BOUNDS:
            bound = moment_ns(name, value, zone=known, now_ns=now_ns)
            parameters[name] = bound if bound is None else _within_reach(bound)
        elif name == METADATA:
            parameters[name] = _metadata_wishes(value)
        else:
            names = names_in(value, name)
            cut = names is not None and name not in _WHOLE
            parameters[name] = list(map(fitting, names or ())) if cut else names
    return parameters


def _metadata_wishes(value: Any) -> dict[str, list[str]] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise QueryError(f"metadata={value!r} is no mapping of keys to texts")
    wishes = {key: names_in(names, f"metadata[{key!r}]") for key, names in value.items()}
    return {key: names for key, names in wishes.items() if names is not None} or None


def row_count(name: str, value: int | None, *, least: int) -> int | None:
    """
    Check a number of rows.

    Raises:
        QueryError: It is not a whole number of at least `least`.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise QueryError(
            f"{name}={value!r} is not a number of rows: give a whole number from {least} on"
        )
    return min(value, _FURTHEST_NS)


def _within_reach(bound_ns: int) -> int:
    return max(-_FURTHEST_NS, min(bound_ns, _FURTHEST_NS))

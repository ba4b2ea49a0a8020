"""
Whether a row that was read can be one that was written.

A file has no checksums: on a page of other bytes a row may seem to be there.
"""

from typing import Any

from sqlalchemy import Column, LargeBinary, Table, Text

from otel_bridge_storage.interning import is_key_of, text_hash
from otel_bridge_storage.schema import logs, messages, resources, scopes, spans
from otel_bridge_storage.values import canonical

_HEX = frozenset("0123456789abcdef")
_UINT32, _INT32, _TIME = range(2**32), range(-(2**31), 2**31), range(2**63)
_RANGES = {
    "flags": _UINT32,
    "dropped_attributes": _UINT32,
    "dropped_events": _UINT32,
    "dropped_links": _UINT32,
    "kind": _INT32,
    "status_code": _INT32,
    "severity_number": _INT32,
    "start_ns": _TIME,
    "end_ns": _TIME,
    "time_ns": _TIME,
    "observed_ns": _TIME,
}
_TRACE_ID, _SPAN_ID = 32, 16


def is_sound(table: Table, row: dict[str, Any]) -> bool:
    """
    Whether the values of a row, or of a part of it, are of the kinds that its table holds.
    """
    kinds = _KINDS.get(table.name)
    if kinds is None:
        kinds = _KINDS[table.name] = {column.name: _kind(column) for column in table.columns}
    if not all(_fits(value, kinds[name]) for name, value in row.items()):
        return False
    if (table is spans or table is logs) and not _ids_are_sound(table, row):
        return False
    return has_its_hash(table, row)


def has_its_hash(table: Table, row: dict[str, Any]) -> bool:
    """
    Whether a row that is stored under a digest of what it says still says so.
    """
    if table is messages and "body" in row and "hash" in row:
        # PostgreSQL cannot hold NUL, which becomes U+FFFD after the digest was taken.
        return is_key_of(row["hash"], row["body"]) or "\ufffd" in row["body"]
    if (table is resources or table is scopes) and len(row) == len(table.columns):
        own = {name: value for name, value in row.items() if name not in ("id", "hash")}
        return text_hash(canonical(own)) == row["hash"] or "\ufffd" in str(own)
    return True


def _fits(value: Any, column: "_Kind") -> bool:
    kind, may_be_null, within = column
    if value is None:
        return may_be_null
    if kind is str:
        return isinstance(value, str) and _is_text(value)
    return isinstance(value, kind) and (within is None or value in within)


_Kind = tuple[type, bool, range | None]
_KINDS: dict[str, dict[str, _Kind]] = {}


def _kind(column: Column[Any]) -> _Kind:
    may_be_null = bool(column.nullable)
    if isinstance(column.type, LargeBinary):
        return bytes, may_be_null, None
    if isinstance(column.type, Text):
        return str, may_be_null, None
    return int, may_be_null, _RANGES.get(column.name)


def _is_text(value: str) -> bool:
    if value.isascii():
        return True
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _ids_are_sound(table: Table, row: dict[str, Any]) -> bool:
    if "trace_id" not in row:
        return True
    lengths = {"trace_id": _TRACE_ID, "span_id": _SPAN_ID, "parent_span_id": _SPAN_ID}
    return all(
        _is_id(row[name], length)
        # A log record may belong to no span.
        or (row[name] is None if name == "parent_span_id" else table is logs and not row[name])
        for name, length in lengths.items()
        if name in row
    )


def _is_id(value: str | None, length: int) -> bool:
    return value is not None and len(value) == length and _HEX.issuperset(value)

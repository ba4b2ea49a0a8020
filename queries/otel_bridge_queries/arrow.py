"""
Rows as an Arrow table.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from otel_bridge_queries.exact_types import AWARE, ExactColumn

if TYPE_CHECKING:
    import pyarrow  # type: ignore[import-not-found, import-untyped, unused-ignore]

_FRACTION = re.compile(r"DECIMAL\((\d+),(\d+)\)")


def arrow_table(columns: Sequence[ExactColumn]) -> "pyarrow.Table":
    """
    Make an Arrow table of columns; moments keep their zone.

    Raises:
        ImportError: pyarrow is not installed.
    """
    import pyarrow

    arrays = [pyarrow.array(column.values, _type(pyarrow, column)) for column in columns]
    return pyarrow.Table.from_arrays(arrays, names=[column.name for column in columns])


def _type(pyarrow: Any, column: ExactColumn) -> Any:
    if column.kind == AWARE:
        return pyarrow.timestamp("us", tz=_zone_of(column.values))
    if found := _FRACTION.fullmatch(column.kind):
        return pyarrow.decimal128(int(found[1]), int(found[2]))
    if column.kind.endswith("[]"):
        return pyarrow.list_(_plain_type(pyarrow, column.kind.removesuffix("[]")))
    return _plain_type(pyarrow, column.kind)


def _plain_type(pyarrow: Any, kind: str) -> Any:
    types = {
        "BOOLEAN": pyarrow.bool_(),
        "TINYINT": pyarrow.int8(),
        "SMALLINT": pyarrow.int16(),
        "INTEGER": pyarrow.int32(),
        "BIGINT": pyarrow.int64(),
        "UTINYINT": pyarrow.uint8(),
        "USMALLINT": pyarrow.uint16(),
        "UINTEGER": pyarrow.uint32(),
        "UBIGINT": pyarrow.uint64(),
        "FLOAT": pyarrow.float32(),
        "DOUBLE": pyarrow.float64(),
        "VARCHAR": pyarrow.string(),
        "BLOB": pyarrow.binary(),
        "DATE": pyarrow.date32(),
        "TIME": pyarrow.time64("us"),
        "TIMESTAMP": pyarrow.timestamp("us"),
        AWARE: pyarrow.timestamp("us", tz="UTC"),
    }
    return types[kind]


def _zone_of(values: Sequence[Any]) -> str:
    return next((str(value.tzinfo) for value in values if value is not None), "UTC")

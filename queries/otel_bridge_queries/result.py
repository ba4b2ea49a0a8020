"""
What a report answers with, as rows, dicts, Arrow or a data frame.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from otel_bridge_storage.errors import NotInstalledError

if TYPE_CHECKING:
    import pandas  # type: ignore[import-not-found, import-untyped, unused-ignore]
    import pyarrow  # type: ignore[import-not-found, import-untyped, unused-ignore]

_LARGEST = 2**63 - 1
_AWARE = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True, slots=True)
class Result:
    """
    The rows of a report.

    Iterating gives the rows as dicts.

    Attributes:
        columns: The columns' names.
        types: DuckDB's names of the columns' types.
        rows: The rows; moments are aware datetimes, calendar keys in the report's time
            zone and others in UTC.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def dicts(self) -> list[dict[str, Any]]:
        """
        Give the rows as dicts by column name.
        """
        return list(self)

    def arrow(self) -> "pyarrow.Table":
        """
        Give the rows as an Arrow table; JSON columns are text in it.

        Raises:
            NotInstalledError: pyarrow is not installed.
        """
        try:
            import pyarrow
        except ImportError as error:
            raise _missing("pyarrow", "arrow") from error
        values = zip(*self.rows, strict=True) if self.rows else ((),) * len(self.columns)
        arrays = [
            _array(pyarrow, kind, column) for kind, column in zip(self.types, values, strict=True)
        ]
        return pyarrow.Table.from_arrays(arrays, names=list(self.columns))

    def df(self) -> "pandas.DataFrame":
        """
        Give the rows as a pandas data frame.

        Raises:
            NotInstalledError: pandas or pyarrow is not installed.
        """
        try:
            import pandas  # noqa: F401 - Arrow imports it only halfway through
        except ImportError as error:
            raise _missing("pandas", "pandas") from error
        return self.arrow().to_pandas()

    def only(self, names: Sequence[str]) -> "Result":
        """
        Give the same rows with the named columns alone, in that order.
        """
        places = [self.columns.index(name) for name in names]
        return Result(
            tuple(names),
            tuple(self.types[place] for place in places),
            [tuple(row[place] for place in places) for row in self.rows],
        )

    def first(self, number: int) -> "Result":
        """
        Give the first rows, at most so many.
        """
        return Result(self.columns, self.types, self.rows[:number])

    def renamed(self, names: Mapping[str, str]) -> "Result":
        """
        Give the same rows with new names for some columns.
        """
        return Result(
            tuple(names.get(column, column) for column in self.columns), self.types, self.rows
        )


def _missing(library: str, extra: str) -> NotInstalledError:
    return NotInstalledError(
        f"{library} is not installed: run `pip install 'otel-bridge[{extra}]'`"
    )


def _array(pyarrow: Any, kind: str, values: Sequence[Any]) -> Any:
    if kind == "JSON":
        return pyarrow.array([_json_text(value) for value in values], pyarrow.string())
    if kind == "UUID":
        return pyarrow.array([value and str(value) for value in values], pyarrow.string())
    if kind == "HUGEINT" and any(abs(value or 0) > _LARGEST for value in values):
        return pyarrow.array(values, pyarrow.decimal128(38, 0))
    if kind == _AWARE:
        return pyarrow.array(values, pyarrow.timestamp("us", tz=_zone_of(values)))
    return pyarrow.array(values, _arrow_types(pyarrow).get(kind))


def _zone_of(values: Sequence[Any]) -> str:
    return next((str(value.tzinfo) for value in values if value is not None), "UTC")


def _arrow_types(pyarrow: Any) -> dict[str, Any]:
    return {
        "BIGINT": pyarrow.int64(),
        "BOOLEAN": pyarrow.bool_(),
        "DOUBLE": pyarrow.float64(),
        "HUGEINT": pyarrow.int64(),
        "INTEGER": pyarrow.int32(),
        "TIMESTAMP": pyarrow.timestamp("us"),
        "VARCHAR": pyarrow.string(),
        "VARCHAR[]": pyarrow.list_(pyarrow.string()),
    }


def _json_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)

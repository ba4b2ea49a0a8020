"""
What a report answers with, as rows, dicts, Arrow, a data frame or a Parquet file.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otel_bridge_storage.errors import NotInstalledError

from otel_bridge_queries.arrow import arrow_table
from otel_bridge_queries.exact_types import ExactColumn, exact_columns
from otel_bridge_queries.notebook import html_table
from otel_bridge_queries.parquet import write_parquet

if TYPE_CHECKING:
    import pandas  # type: ignore[import-not-found, import-untyped, unused-ignore]
    import polars  # type: ignore[import-not-found, unused-ignore]
    import pyarrow  # type: ignore[import-not-found, import-untyped, unused-ignore]


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
        Give the rows as an Arrow table.

        Numbers, decimals, times, texts and lists keep their types, moments their zone.
        JSON is text, and so is what Arrow has no type for; a name that is there twice
        gets a number.

        Raises:
            NotInstalledError: pyarrow is not installed.
        """
        try:
            return arrow_table(self._exact())
        except ImportError as error:
            raise _missing("pyarrow", "arrow") from error

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

    def pl(self) -> "polars.DataFrame":
        """
        Give the rows as a polars data frame, with the types of `arrow`.

        Raises:
            NotInstalledError: polars or pyarrow is not installed.
        """
        try:
            import polars
        except ImportError as error:
            raise _missing("polars", "polars") from error
        return polars.DataFrame(self.arrow())

    def parquet(self, path: str | Path) -> None:
        """
        Write the rows to a Parquet file, with the types of `arrow`; nothing else is needed.

        The file appears, or replaces another, when it is whole. Parquet keeps moments in
        UTC, without their zone.

        Raises:
            OSError: The file cannot be written.
        """
        write_parquet(self._exact(), Path(path))

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

    def _repr_html_(self) -> str:
        return html_table(self.columns, self.rows)

    def _exact(self) -> list[ExactColumn]:
        return exact_columns(self.columns, self.types, self.rows)

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

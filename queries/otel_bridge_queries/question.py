"""
Telling a question to the views that answer it: which keys, which rows, which calendar.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from otel_bridge_queries.catalog import BOUNDS, CALENDAR_KEYS, FILTERS, METADATA, ROOT_KEYS

_EVERY = "every"


@dataclass(frozen=True, slots=True)
class Question:
    """
    What a report is asked.

    Attributes:
        keys: What to group by, as typed; `metadata.KEY` is the value of that key.
        filters: Parameters by the name of the filter, as `selection` makes them.
        zone: IANA name of the time zone of calendar keys.
    """

    keys: Sequence[str] = ()
    filters: Mapping[str, Any] = field(default_factory=dict)
    zone: str = "UTC"

    @property
    def columns(self) -> list[str]:
        """
        The columns that the views group by.
        """
        plain = [key for key in self.keys if not key.startswith(f"{METADATA}.")]
        return [_EVERY, *plain, *self.metadata_columns]

    @property
    def metadata_columns(self) -> dict[str, str]:
        """
        The columns that hold values of metadata, and the keys as typed that they are for.
        """
        start = f"{METADATA}."
        typed = [key for key in self.keys if key.startswith(start)]
        return {f"metadata_{number}": key for number, key in enumerate(typed, 1)}


class Teller:
    """
    Tells questions to the views in the schema `asked`.
    """

    def __init__(self, engine: duckdb.DuckDBPyConnection) -> None:
        self._engine = engine
        self._told: dict[str, Any] = {}

    def tell(self, question: Question, about: Iterable[str]) -> None:
        """
        Tell a question; the relations it is about must be loaded already.
        """
        for name, value in _variables(question, about).items():
            if name not in self._told or self._told[name] != value:
                self._engine.execute(f"SET VARIABLE {name} = $value", {"value": value})
                self._told[name] = value
        if not set(CALENDAR_KEYS).isdisjoint(question.keys):
            self._fill("calendar")
        if not set(ROOT_KEYS).isdisjoint(question.keys):
            self._fill("roots")

    def _fill(self, table: str) -> None:
        self._engine.execute(f"TRUNCATE loaded.{table}")
        self._engine.execute(f"INSERT INTO loaded.{table} BY NAME FROM asked.{table}()")


def _variables(question: Question, about: Iterable[str]) -> dict[str, Any]:
    metadata = question.filters.get(METADATA)
    return {
        "about": sorted(about),
        "keys": question.columns,
        "metadata_keys": [
            key.removeprefix(f"{METADATA}.") for key in question.metadata_columns.values()
        ],
        "zone": question.zone,
        "only_metadata": metadata and [{"key": k, "value": v} for k, v in metadata.items()],
        **{name: question.filters.get(name) for name in BOUNDS},
        **{f"only_{name}": question.filters.get(name) for name in FILTERS},
    }

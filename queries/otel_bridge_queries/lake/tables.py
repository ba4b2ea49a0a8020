"""
The tables of a lake: which rows they have, and how these are cut into files.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from otel_bridge_storage.errors import QueryError

from otel_bridge_queries.engine import read_sql

DAY_NS = 86_400 * 10**9
_BUCKET_IDS = 50_000
_EPOCH = date(1970, 1, 1)
_OPEN_RUNS = ("runs", "open_runs")


@dataclass(frozen=True, slots=True)
class LakeTable:
    """
    One table of a lake.

    Attributes:
        loaded: The relations of the reports that it is made of.
        texts: Those of them that hold content alone.
        order: How the rows of a file are sorted.
        group_rows: How many rows a row group has; fewer where rows are long.
        by: What it is partitioned by, `date` or `bucket`.
        width: How much of its clock a partition covers: nanoseconds, or ids.
    """

    name: str
    loaded: tuple[str, ...]
    order: str
    texts: tuple[str, ...] = ()
    group_rows: int = 100_000
    by: str = "date"
    width: int = DAY_NS

    @property
    def sql(self) -> str:
        """
        The text of its file.
        """
        return _text(self.name)

    def folder(self, partition: int) -> str:
        """
        Name the folder of a partition, as Hive does.
        """
        if self.by == "date":
            return f"date={_EPOCH + timedelta(days=partition)}"
        return f"{self.by}={partition}"

    def reads(self, *, content: bool) -> tuple[str, ...]:
        """
        Name the relations of the reports that are needed.
        """
        return (*self.loaded, *self.texts) if content else self.loaded


@cache
def _text(name: str) -> str:
    return read_sql(f"lake/{name}.sql")


_RUNS = LakeTable("runs", _OPEN_RUNS, "start_ns, run_id", ("messages",), 10_000)
_LLM_CALLS = LakeTable("llm_calls", ("llm_calls", *_OPEN_RUNS), "start_ns, trace_id, span_id")
_TOOL_CALLS = LakeTable(
    "tool_calls",
    ("tool_calls", *_OPEN_RUNS),
    "start_ns, trace_id, span_id",
    ("messages",),
    10_000,
)
_STEPS = LakeTable("steps", ("steps",), "time_ns, run_id, ordinal, step_id", ("messages",), 10_000)
_SPANS = LakeTable("spans", ("spans",), "start_ns, trace_id, span_id", group_rows=10_000)
_MESSAGES = LakeTable("messages", (), "id", ("messages",), 5_000, by="bucket", width=_BUCKET_IDS)

# Each group is read at one moment. Texts come after the spans that refer to them, and what
# is large is on its own, so that memory holds one of them at a time.
GROUPS = ((_RUNS, _LLM_CALLS, _TOOL_CALLS, _STEPS), (_SPANS,), (_MESSAGES,))
TABLES = {table.name: table for group in GROUPS for table in group}
NAMES = tuple(TABLES)


def tables_named(names: Iterable[str] | None) -> frozenset[str]:
    """
    Check the names of tables; None for all.

    Raises:
        QueryError: There is no such table, or none is named.
    """
    if names is None:
        return frozenset(NAMES)
    wanted = frozenset(names)
    if unknown := sorted(wanted.difference(NAMES)):
        raise QueryError(f"a lake has no table {unknown[0]!r}: choose from {', '.join(NAMES)}")
    if not wanted:
        raise QueryError(f"name at least one table: {', '.join(NAMES)}")
    return wanted

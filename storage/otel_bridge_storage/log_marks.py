"""
Where in a run's log the start and the end of each of its spans stand.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from otel_bridge_storage.run_log import END, START
from otel_bridge_storage.schema import run_log


@dataclass(slots=True)
class LogMarks:
    """
    What a run's log says up to an index.

    A span whose start is not told counts as begun with its end, and one whose end is not
    told as ended with its start; what is told of neither is always known.

    Attributes:
        as_of: The index; None is the end of the log.
        told: The entries that count, by rising index.
        starts: The index of each span's start, by span row.
        ends: Index and kind of each span's end, by span row.
    """

    as_of: int | None
    told: list[Any] = field(default_factory=list)
    starts: dict[int, int] = field(default_factory=dict)
    ends: dict[int, tuple[int, str]] = field(default_factory=dict)

    def has_begun(self, span: int) -> bool:
        """
        Whether the log had told of a span by then.
        """
        end = self.ends[span][0] if span in self.ends else None
        told = [number for number in (self.starts.get(span), end) if number is not None]
        return not told or self._counts(min(told))

    def has_ended(self, span: int) -> bool:
        """
        Whether the log had told by then how a span ended, given that it has ended now.
        """
        if span in self.ends:
            return self._counts(self.ends[span][0])
        return self.has_begun(span)

    def last(self, spans: Collection[int]) -> Any:
        """
        Give the last entry that counts; None where there is none.

        Args:
            spans: The run's own spans and calls: starts and ends of others are of copies.
        """
        mine = (r for r in reversed(self.told) if not _is_mark(r) or r.span in spans)
        return next(mine, None)

    def _counts(self, number: int) -> bool:
        return self.as_of is None or number <= self.as_of


def read_marks(connection: Connection, run_id: str, as_of: int | None) -> LogMarks:
    """
    Read the marks of a run's log, those after the index among them.
    """
    query = (
        select(
            run_log.c.bound_seq,
            run_log.c.span,
            run_log.c.fact_key,
            run_log.c.kind,
            run_log.c.time_ns,
            run_log.c.data.is_(None).label("of_span"),
        )
        .where(run_log.c.run_id == run_id)
        .order_by(run_log.c.bound_seq)
    )
    marks = LogMarks(as_of)
    for row in connection.execute(query):
        if _is_mark(row) and row.fact_key == START:
            marks.starts[row.span] = row.bound_seq
        elif _is_mark(row):
            marks.ends[row.span] = (row.bound_seq, row.kind)
        if as_of is None or row.bound_seq <= as_of:
            marks.told.append(row)
    return marks


def _is_mark(row: Any) -> bool:
    return bool(row.of_span) and row.fact_key in (START, END)

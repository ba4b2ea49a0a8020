"""
A run as it stood after an entry of its log, folded from what the log says up to there.

Calls and the run's own spans are dated by the entries of their start and end: what came
of them is known from their end on. Which spans are copies, how a call was priced and
what a run was asked is taken as it is known now.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, select

from otel_bridge_storage.arguments import given_index, given_text
from otel_bridge_storage.event_rows import get_events
from otel_bridge_storage.log_marks import LogMarks, read_marks
from otel_bridge_storage.log_rows import OpenCall, RunState
from otel_bridge_storage.moments import moment, moment_or_none, usd
from otel_bridge_storage.pauses import PAUSED, RESUMED, pair_pauses
from otel_bridge_storage.records import STATUS_ERROR
from otel_bridge_storage.run_records import is_interrupted, row_of
from otel_bridge_storage.run_rows import status
from otel_bridge_storage.run_statuses import INTERRUPTED, RUNNING
from otel_bridge_storage.schema import RUN_TURNS, llm_calls, spans, tool_calls
from otel_bridge_storage.step_reading import steps_as_of
from otel_bridge_storage.step_rows import ASSISTANT, USER, Step

_OUTCOMES = {"run.finished": "success", "run.failed": "error", "run.cancelled": "cancelled"}
_TOTALS = {
    "total_input_tokens": "input_tokens",
    "total_output_tokens": "output_tokens",
    "total_cache_read_tokens": "cache_read_tokens",
    "total_cache_creation_tokens": "cache_write_tokens",
    "total_reasoning_tokens": "reasoning_tokens",
}


def get_state(connection: Connection, run_id: str, *, as_of: int | None) -> RunState | None:
    """
    Fold a run's log up to an index; None where there was no such run then.
    """
    last, run = given_index(as_of, "as_of"), row_of(connection, given_text(run_id, "run_id"))
    if run is None:
        return None
    run_id = run["run_id"]
    marks = read_marks(connection, run_id, last)
    calls = _Calls(connection, run_id, marks)
    own = _own_spans(connection, run_id)
    entry = marks.last({*own, *calls.spans})
    if entry is None and last is not None:
        return None
    stands = _status(own, calls, marks)
    if last is None and stands == RUNNING and is_interrupted(connection, run_id):
        stands = INTERRUPTED
    turns = get_events(
        connection,
        run_id,
        after=None,
        before=None if last is None else last + 1,
        limit=None,
        kinds=(PAUSED, RESUMED),
    )
    return RunState(
        run_id=run_id,
        sequence_index=None if entry is None else entry.bound_seq,
        created_at=moment_or_none(None if entry is None else entry.time_ns),
        status=stands,
        **calls.totals(),
        steps=steps_as_of(connection, run_id, last, lambda step: _is_told(step, own, marks)),
        open_calls=calls.open_calls(),
        pauses=pair_pauses(turns),
    )


class _Calls:
    """
    The calls of a run to models and tools that its log had told of.
    """

    def __init__(self, connection: Connection, run_id: str, marks: LogMarks) -> None:
        asked = _rows(connection, llm_calls, run_id)
        done = _rows(connection, tool_calls, run_id)
        self.spans = {row["span"] for row in (*asked, *done)}
        self._llm = [row for row in asked if marks.has_begun(row["span"])]
        self._tools = [row for row in done if marks.has_begun(row["span"])]
        self._open = {
            row["span"]
            for row in (*self._llm, *self._tools)
            if row["status"] == RUNNING or not marks.has_ended(row["span"])
        }
        # What a call used is told by its end, or by the span of one that is open now.
        self._told = [row for row in self._llm if marks.has_ended(row["span"])]

    @property
    def running(self) -> bool:
        """
        Whether any is under way.
        """
        return bool(self._open)

    def outcome(self) -> str:
        """
        Say how the latest request to a model went, which is how a run without a span of
        its own went.
        """
        latest = max(self._llm, key=lambda row: (row["start_ns"], row["span_id"]), default=None)
        failed = latest is not None and latest["status"] == "error"
        return "error" if failed else "success"

    def totals(self) -> dict[str, Any]:
        """
        Add up what is known of them.
        """
        turns = [r["iteration"] for r in (*self._llm, *self._tools) if r["iteration"] is not None]
        priced = [cost for row in self._told if (cost := row["cost_picousd"]) is not None]
        return {
            "iteration_count": (max(turns) if turns else 0) or len(self._llm),
            "llm_calls": len(self._llm),
            "failed_llm_calls": self._failed(self._llm),
            "tool_calls": len(self._tools),
            "failed_tool_calls": self._failed(self._tools),
            **{name: _sum(row[of] for row in self._told) for name, of in _TOTALS.items()},
            "total_cost_usd": usd(sum(priced)) if priced else None,
            "unpriced_calls": len(self._llm) - len(priced),
        }

    def open_calls(self) -> list[OpenCall]:
        """
        List those under way, in the order of their starts.
        """
        rows = [*(_open_llm(row) for row in self._llm if row["span"] in self._open)]
        rows += [_open_tool(row) for row in self._tools if row["span"] in self._open]
        return sorted(rows, key=lambda call: (call.started_at, call.trace_id, call.span_id))

    def _failed(self, rows: Sequence[RowMapping]) -> int:
        return sum(row["status"] == "error" and row["span"] not in self._open for row in rows)


def _rows(connection: Connection, table: Table, run_id: str) -> Sequence[RowMapping]:
    query = (
        select(table, spans.c.trace_id, spans.c.span_id)
        .join(spans, spans.c.id == table.c.span)
        .where(table.c.run_id == run_id, table.c.counted == 1)
    )
    return connection.execute(query).mappings().all()


def _own_spans(connection: Connection, run_id: str) -> Mapping[int, RowMapping]:
    """
    Read the run's own spans by row; a run that paused and went on has several.
    """
    query = select(spans.c.id, spans.c.span_id, spans.c.end_ns, spans.c.status_code).where(
        spans.c.role == "run", spans.c.run_id == run_id
    )
    return {row["id"]: row for row in connection.execute(query).mappings()}


def _status(own: Mapping[int, RowMapping], calls: _Calls, marks: LogMarks) -> str:
    turns = [(row.time_ns, row.kind) for row in marks.told if row.kind in RUN_TURNS]
    paused = [turn for turn in turns if turn[1] in (PAUSED, RESUMED)]
    return status(_outcome(own, calls, marks), paused)


def _outcome(own: Mapping[int, RowMapping], calls: _Calls, marks: LogMarks) -> str | None:
    """
    Say how the run's spans had ended; None while one was open.
    """
    if not own:
        return None if calls.running else calls.outcome()
    begun = [row for row in own.values() if marks.has_begun(row["id"])]
    ended = [row for row in begun if row["end_ns"] is not None and marks.has_ended(row["id"])]
    if len(ended) < len(begun) or not begun:
        return None
    # Where no end is told, the run lasts as long as something happens in it.
    if calls.running and not any(span in marks.ends for span in own):
        return None
    latest = max(ended, key=lambda row: (row["end_ns"], row["span_id"]))
    if latest["id"] in marks.ends:
        return _OUTCOMES[marks.ends[latest["id"]][1]]
    return "error" if latest["status_code"] == STATUS_ERROR else "success"


def _is_told(step: Step, own: Mapping[int, RowMapping], marks: LogMarks) -> bool:
    """
    Say whether the log had told of what an input, a call or an answer makes.
    """
    if step.role == USER:
        return marks.has_begun(step.span)
    if step.role == ASSISTANT and step.span in own:
        return all(marks.has_ended(span) for span in own)
    return marks.has_ended(step.span)


def _open_llm(row: RowMapping) -> OpenCall:
    return _open("llm_call", row, row["request_model"], row["call_id"])


def _open_tool(row: RowMapping) -> OpenCall:
    return _open("tool", row, row["tool_name"], row["tool_call_id"])


def _open(kind: str, row: RowMapping, name: str | None, call_id: str | None) -> OpenCall:
    return OpenCall(
        kind=kind,
        name=name,
        call_id=call_id,
        iteration=row["iteration"],
        started_at=moment(row["start_ns"]),
        trace_id=row["trace_id"],
        span_id=row["span_id"],
    )


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None

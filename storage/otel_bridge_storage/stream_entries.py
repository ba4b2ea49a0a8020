"""
Entries of a run's log with the steps that each of them tells.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, and_, select

from otel_bridge_storage.call_rows import text
from otel_bridge_storage.event_rows import Entry, get_entries
from otel_bridge_storage.followed import RunSource, State
from otel_bridge_storage.rows import StoredEvent
from otel_bridge_storage.run_log import END, START
from otel_bridge_storage.schema import llm_calls, runs, spans
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.step_reading import StepReader
from otel_bridge_storage.step_rows import ASSISTANT, COMMITS, USER, Step, Turn, committed
from otel_bridge_storage.step_sources import role_of, steps_of_calls

_RUN_SAID = Lookup(
    select(
        runs.c.input_message,
        runs.c.answer_message,
        runs.c.started_ns,
        runs.c.ended_ns,
        spans.c.id,
        spans.c.span_id,
    )
    .join(spans, and_(spans.c.trace_id == runs.c.trace_id, spans.c.span_id == runs.c.span_id))
    .where(KEYS),
    runs.c.run_id,
)
_ASKED = Lookup(
    select(llm_calls.c.span, llm_calls.c.start_ns, llm_calls.c.input_messages, spans.c.span_id)
    .join(spans, spans.c.id == llm_calls.c.span)
    .where(KEYS, llm_calls.c.counted == 1, llm_calls.c.input_messages != "[]"),
    llm_calls.c.span,
)


@dataclass(frozen=True, slots=True)
class ToldEntry:
    """
    An entry of the log and the steps that it tells, their texts with them.

    Attributes:
        asked: The step is what the user said, taken from a call since the run itself does
            not tell it; that of the call that began first counts.
        answered: The step is the run's answer, which counts where no call told one.
    """

    event: StoredEvent
    steps: tuple[Step, ...] = ()
    asked: bool = False
    answered: bool = False

    @property
    def sequence_index(self) -> int:
        """
        The index of the entry.
        """
        return self.event.sequence_index


class ToldSource:
    """
    The log of one run with the steps that it tells, which is over when the run is.

    Raises:
        QueryError: The id is no text.
    """

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._run = RunSource(run_id, kinds=None, stay=False)

    def state(self, connection: Connection) -> State:
        """
        Say how the run stands.
        """
        return self._run.state(connection)

    def page(self, connection: Connection, after: int | None, limit: int) -> list[ToldEntry]:
        """
        List what joined the run after an index.
        """
        return told_entries(connection, self._run_id, after=after, before=None, limit=limit)


def told_entries(
    connection: Connection,
    run_id: str,
    *,
    after: int | None,
    before: int | None,
    limit: int | None,
) -> list[ToldEntry]:
    """
    List entries of a run in the order in which they joined it, with what each tells.
    """
    found = get_entries(connection, run_id, after=after, before=before, limit=limit, kinds=None)
    reader = StepReader(connection)
    told = _Told(reader, found)
    entries = [told.entry(*each) for each in found]
    texts = reader.stored_texts(
        {step.body for each in entries for step in each.steps if isinstance(step.body, int)}
    )
    return [replace(each, steps=tuple(_said(s, texts) for s in each.steps)) for each in entries]


class _Told:
    """
    What the spans of some entries tell, read together.
    """

    def __init__(self, reader: StepReader, found: Sequence[Entry]) -> None:
        marks = [row for row, _ in found if row["data"] is None]
        ended = sorted({row["span"] for row in marks if row["fact_key"] == END})
        self._runs = _first_rows(reader, found)
        self._calls: defaultdict[int, list[Step]] = defaultdict(list)
        for steps in steps_of_calls(reader, ended).values():
            for step in steps:
                self._calls[step.span].append(step)
        self._asked: dict[int, Step] = {}
        if self._runs is None or self._runs.input_message is None:
            begun = [r["span"] for r in marks if r["kind"] == "llm_call.started"]
            self._asked = _first_asked(reader, begun)

    def entry(self, row: Any, event: StoredEvent) -> ToldEntry:
        """
        Give an entry with its steps.
        """
        if event.event_type in COMMITS:
            turn = Turn(event.time_ns, event.event_type, row["span"], row["fact_key"], event.data)
            step = committed(turn)
            return ToldEntry(event, () if step is None else (step,))
        if row["data"] is not None or row["fact_key"] not in (START, END):
            return ToldEntry(event)
        if event.event_type.startswith("run."):
            return self._of_run(row, event)
        if row["fact_key"] == END:
            return ToldEntry(event, tuple(self._calls[row["span"]]))
        asked = self._asked.get(row["span"])
        return ToldEntry(event) if asked is None else ToldEntry(event, (asked,), asked=True)

    def _of_run(self, row: Any, event: StoredEvent) -> ToldEntry:
        run = self._runs
        if run is None:
            return ToldEntry(event)
        if row["fact_key"] == START:
            if run.input_message is None or row["span"] != run.id:
                return ToldEntry(event)
            step_id = f"{run.span_id}:input"
            return ToldEntry(
                event, (Step(step_id, USER, run.started_ns, run.id, run.input_message),)
            )
        if run.answer_message is None or event.time_ns != run.ended_ns:
            return ToldEntry(event)
        answer = Step(f"{run.span_id}:answer", ASSISTANT, run.ended_ns, run.id, run.answer_message)
        return ToldEntry(event, (answer,), answered=True)


def _first_rows(reader: StepReader, found: Sequence[Entry]) -> Any:
    """
    Read what the run that entries are of was asked and answered; None without a span.
    """
    run_ids = {event.run_id for _, event in found}
    return next(iter(reader.select(_RUN_SAID, sorted(r for r in run_ids if r is not None))), None)


def _first_asked(reader: StepReader, begun: Sequence[int]) -> dict[int, Step]:
    """
    Take what the user said from the first of some calls that tells what it was given, and
    from those told of after it that began before it.
    """
    rows = {row.span: row for row in reader.select(_ASKED, sorted(set(begun)))}
    earliest: list[Any] = []
    for row in (rows[span] for span in begun if span in rows):
        if not earliest or _start(row) < _start(earliest[-1]):
            earliest.append(row)
    given = {row.span: json.loads(row.input_messages) for row in earliest}
    texts = reader.stored_texts({message for ids in given.values() for message in ids})
    found = {}
    for row in earliest:
        asked = [message for message in given[row.span] if role_of(texts[message]) == USER]
        if asked:
            step_id = f"{row.span_id}:input"
            found[row.span] = Step(step_id, USER, row.start_ns, row.span, asked[-1])
    return found


def _start(call: Any) -> tuple[int, str]:
    return call.start_ns, call.span_id


def _said(step: Step, texts: Any) -> Step:
    return replace(step, body=texts[step.body] if isinstance(step.body, int) else text(step.body))

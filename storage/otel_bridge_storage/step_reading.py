"""
The steps of a run, joined from the log by a reader.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from otel_bridge_storage.call_rows import text
from otel_bridge_storage.rows import TraceEntry
from otel_bridge_storage.span_rows import records_texts
from otel_bridge_storage.statements import Lookup
from otel_bridge_storage.step_records import entry
from otel_bridge_storage.step_rows import Step, steps_of
from otel_bridge_storage.step_sources import derived_steps, step_turns


class StepReader:
    """
    What `step_sources` reads from, over a connection that only reads.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def select(self, lookup: Lookup, keys: Sequence[Any]) -> list[Any]:
        """
        Read rows by a list of keys.
        """
        return lookup.rows(self._connection, keys)

    def stored_texts(self, ids: set[int]) -> Mapping[int, str]:
        """
        Fetch stored texts by row id.
        """
        return records_texts(self._connection, ids)


def steps_as_of(
    connection: Connection, run_id: str, as_of: int | None, is_told: Callable[[Step], bool]
) -> list[TraceEntry]:
    """
    List the steps that a run had at an index of its log, by the rules that make the rows
    of `steps`.

    Args:
        as_of: The last entry that counts; None is all.
        is_told: Says whether a step that an input, a call or an answer makes was known.
    """
    reader = StepReader(connection)
    derived = [step for step in derived_steps(reader, [run_id])[run_id] if is_told(step)]
    turns = step_turns(reader, [run_id], as_of=as_of)[run_id]
    joined = steps_of(derived, turns, reader.stored_texts)
    # Of two steps with one id the row is of the later one.
    steps = sorted({step.step_id: step for step in joined}.values(), key=lambda each: each.place)
    return entries_of_steps(reader, steps)


def entries_of_steps(reader: StepReader, steps: Sequence[Step]) -> list[TraceEntry]:
    """
    Give steps as answers, in the order given.
    """
    texts = reader.stored_texts({step.body for step in steps if isinstance(step.body, int)})

    def body_of(step: Step) -> str | None:
        return texts[step.body] if isinstance(step.body, int) else text(step.body)

    return [
        entry(asdict(step), body_of(step), text(step.condensed), at)
        for at, step in enumerate(steps)
    ]

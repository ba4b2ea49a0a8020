"""
The run log: what each span and each of its events tells, in the order of commit.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from otel_bridge_storage.call_rows import text
from otel_bridge_storage.readings import FactReading, Role, has_failed
from otel_bridge_storage.run_rows import start_of
from otel_bridge_storage.schema import STEP_TURNS, run_log
from otel_bridge_storage.span_binding import home
from otel_bridge_storage.statements import KEYS, Lookup, Rows
from otel_bridge_storage.step_rows import Turn
from otel_bridge_storage.unit import Change, Unit
from otel_bridge_storage.values import prepare

START, END = "start", "end"
_OTHER = Role.OTHER
_STARTS = {Role.RUN: "run.started", Role.LLM: "llm_call.started", Role.TOOL: "tool.started"}
_ENDS = {Role.LLM: "llm_call.completed", Role.TOOL: "tool.committed"}

_INSERT = Rows(insert(run_log))
_KNOWN = Lookup(
    select(run_log.c.span, run_log.c.fact_key).where(KEYS), run_log.c.span, run_log.c.fact_key
)
_OF_SPAN = Lookup(
    select(run_log.c.seq, run_log.c.span, run_log.c.run_id, run_log.c.fact_key).where(KEYS),
    run_log.c.span,
)
_MOVE = Rows(
    update(run_log)
    .where(run_log.c.seq == bindparam("at"))
    .values(run_id=bindparam("to"), bound_seq=bindparam("number"))
)


def write_log(
    unit: Unit, events: Mapping[int, Sequence[FactReading]], moved: Mapping[int, str]
) -> int:
    """
    Log what the changes and the live events tell, and move what belongs elsewhere now.

    An entry that joins another run gets a new number there, and so does that of a call
    which no longer passes for a copy, so that a reader who follows the run with a cursor
    meets it.

    Args:
        events: Facts of spans that are still open, by span row.
        moved: The run of each stored span whose binding changed, by span row.

    Returns:
        How many entries are new.
    """
    homes = _homes(unit, moved)
    _move(unit, moved, homes)
    told = {(span, fact.key): (fact.time_ns, span, fact) for span, fact in _told(unit, events)}
    maybe_known = [key for key in told if not unit.is_new(key[0])]
    for row in unit.select(_KNOWN, sorted(maybe_known)):
        told.pop((row.span, row.fact_key), None)
    entries = sorted(told.values(), key=lambda entry: entry[0])
    _announce(unit, entries)
    unit.write(_INSERT, [_row(unit, homes, *entry) for entry in entries])
    return len(entries)


def _homes(unit: Unit, moved: Mapping[int, str]) -> dict[int, str]:
    """
    Say to which run each span's entries belong; a call's go with the call.
    """
    homes = dict(moved)
    for change in unit.changes.values():
        homes[change.id] = home(change.node)
    homes.update(unit.call_runs)
    return homes


def _move(unit: Unit, moved: Mapping[int, str], homes: Mapping[int, str]) -> None:
    spans = set(moved) | unit.rehomed_calls | unit.surfaced_calls
    for change in unit.changes.values():
        stored = change.stored
        if stored is not None and home(stored) != home(change.node):
            spans.add(change.id)
    entries = sorted(unit.select(_OF_SPAN, sorted(spans)), key=lambda row: row.seq)
    moves = [
        {"at": row.seq, "to": homes[row.span], "number": unit.numbers.next("sequence")}
        for row in entries
        if row.run_id != homes[row.span] or _surfaces(unit, row)
    ]
    unit.write(_MOVE, moves)
    for row in entries:
        if row.run_id != homes[row.span]:
            unit.reshaped_runs.update({row.run_id or homes[row.span], homes[row.span]})


def _surfaces(unit: Unit, row: Any) -> bool:
    """
    Whether readers were not shown an entry, as that of a copy, and are from now on.
    """
    return row.span in unit.surfaced_calls and row.fact_key in (START, END)


def _told(
    unit: Unit, events: Mapping[int, Sequence[FactReading]]
) -> Iterable[tuple[int, FactReading]]:
    for row_id, change in unit.changes.items():
        reading = change.reading
        if reading.role is not _OTHER:
            for fact in _span_facts(change):
                yield (row_id, fact)
        for fact in reading.facts:
            yield (row_id, fact)
    for span, facts in events.items():
        for fact in facts:
            yield (span, fact)


def _span_facts(change: Change) -> list[FactReading]:
    reading, span = change.reading, change.record
    run = reading.run
    facts = []
    if run is None or run.tells_start:
        time_ns, kind = start_of(span, reading), _STARTS[reading.role]
        facts.append(
            FactReading(key=START, kind=kind, time_ns=time_ns, iteration=reading.iteration)
        )
    if span.end_ns is not None and (run is None or run.tells_end):
        kind = _end_kind(change)
        facts.append(
            FactReading(key=END, kind=kind, time_ns=span.end_ns, iteration=reading.iteration)
        )
    return facts


def _end_kind(change: Change) -> str:
    reading = change.reading
    failed = has_failed(reading, change.record)
    if reading.run is not None:
        if reading.run.status == "cancelled":
            return "run.cancelled"
        return "run.failed" if failed else "run.finished"
    if failed and reading.role is Role.LLM:
        return "llm_call.failed"
    return _ENDS[reading.role]


def _announce(unit: Unit, entries: Sequence[tuple[int, int, FactReading]]) -> None:
    for _, _, fact in entries:
        if fact.data:
            prepare(fact.data, unit.texts.announce)
    unit.texts.store()


def _row(
    unit: Unit, homes: Mapping[int, str], time_ns: int, span: int, fact: FactReading
) -> dict[str, Any]:
    number = unit.numbers.next("sequence")
    run_id = homes.get(span) or unit.event_runs.get(span)
    if run_id is not None:
        unit.hear(run_id, time_ns)
        _note_turn(unit, run_id, span, fact)
    data = None
    if fact.key not in (START, END) or fact.data:
        data = unit.texts.dump(prepare(fact.data, unit.texts.announce))
    return {
        "seq": number,
        "bound_seq": number,
        "span": span,
        "fact_key": text(fact.key),
        "kind": text(fact.kind),
        "time_ns": time_ns,
        "iteration": fact.iteration,
        "run_id": run_id,
        "data": data,
    }


def _note_turn(unit: Unit, run_id: str, span: int, fact: FactReading) -> None:
    if fact.kind in STEP_TURNS:
        turn = Turn(fact.time_ns, fact.kind, span, fact.key, fact.data)
        unit.new_turns.append((run_id, turn))

"""
`otel-bridge run --decisions`: the latest decisions in a run, and its compactions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from otel_bridge_storage.log_rows import Compaction, DecisionState
from otel_bridge_storage.run_store import RunStore

from otel_bridge.cli.formats import Format
from otel_bridge.cli.gists import gist
from otel_bridge.cli.layout import Column
from otel_bridge.cli.output import write_json, write_rows
from otel_bridge.cli.stories import ask, find_run
from otel_bridge.cli.texts import count
from otel_bridge.cli.values import record

_KEYS = ("sequence_index", "created_at", "event_type", "latest", "data")
_COLUMNS = (
    Column(key="sequence_index", header="seq", show=count, right=True, rank=1),
    Column(key="created_at", header="time (UTC)", rank=2),
    Column(key="event_type", header="decision"),
    Column(key="_latest", header="latest", show=str, rank=3),
    Column(key="_what", header="what", least=24),
)


@dataclass(frozen=True, slots=True)
class _Decision:
    sequence_index: int
    created_at: Any
    event_type: str
    data: Mapping[str, Any]


def run_decisions(*, db: str, form: Format, run_id: str, as_of: int | None) -> int:
    """
    Print the latest decision of each kind, and all compactions among them.

    Args:
        db: The database.
        form: JSON has the decisions by their names and the list of compactions; the
            others have one line for each, in order of time.
        run_id: Its id or the beginning of it.
        as_of: Leave out what has a higher `sequence_index`; None is all.
    """

    async def decided(store: RunStore) -> tuple[DecisionState, list[Compaction]]:
        found = await find_run(store, run_id)
        state = await store.get_decision_state(run_id=found, as_of=as_of)
        return state, await store.get_compactions(run_id=found, as_of=as_of)

    state, compactions = ask(db, decided)
    if form is Format.JSON:
        write_json({"decisions": record(state), "compactions": compactions})
        return 0
    latest = {each.sequence_index: each for each in _latest(state)}
    earlier = [_of(c) for c in compactions if c.sequence_index not in latest]
    ordered = sorted(
        [*latest.values(), *earlier], key=lambda each: (each.created_at, each.sequence_index)
    )
    rows = [
        {
            **record(each),
            "latest": each.sequence_index in latest,
            "_latest": "yes" if each.sequence_index in latest else "",
            "_what": gist(each),
        }
        for each in ordered
    ]
    write_rows(rows, _COLUMNS, form, empty="nothing was decided in the run", keys=_KEYS)
    return 0


def _latest(state: DecisionState) -> Iterator[_Decision]:
    for field in fields(state):
        event = getattr(state, field.name)
        if event is not None:
            yield _Decision(event.sequence_index, event.created_at, event.event_type, event.data)


def _of(compaction: Compaction) -> _Decision:
    kind = "compaction.applied" if compaction.applied else "compaction.failed"
    return _Decision(compaction.sequence_index, compaction.created_at, kind, compaction.data)

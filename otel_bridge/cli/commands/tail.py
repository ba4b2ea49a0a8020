"""
`otel-bridge tail`: the facts of one run, or of all, as they happen.
"""

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing

from otel_bridge_storage.rows import StoredEvent
from otel_bridge_storage.run_store import RunStore

from otel_bridge.cli.live_lines import JsonLines, LiveLines
from otel_bridge.cli.stories import ask, find_run

Lines = LiveLines | JsonLines


def tail(
    *,
    db: str,
    form: str,
    run_id: str | None = None,
    after: int | None = None,
    kinds: Collection[str] = (),
    stay: bool = False,
) -> int:
    """
    Print facts until the run ends, or for ever.

    Args:
        db: The database.
        form: `table` prints lines for people, `json` one object per line.
        run_id: The run's id or the beginning of it; None follows all runs.
        after: Begin after this `sequence_index`. By default a run begins with its first
            fact, and the log of all runs with what happens from now on.
        kinds: Only these kinds of facts; none is all.
        stay: Go on after the run's end.
    """
    wanted = frozenset(kinds) or None

    async def one(store: RunStore) -> None:
        found = await find_run(store, run_id or "")
        lines: Lines = JsonLines() if form == "json" else LiveLines(names_runs=False)
        events = store.stream_events(
            found, after_sequence_index=after, event_types=wanted, stay=stay
        )
        await _print(events, lines, None)
        lines.end(await store.get_run(found))

    async def every(store: RunStore) -> None:
        start = await store.last_sequence() if after is None else after
        lines: Lines = JsonLines() if form == "json" else LiveLines(names_runs=True)
        await _print(store.stream_log(after_sequence=start), lines, wanted)

    ask(db, every if run_id is None else one)
    return 0


async def _print(
    events: AsyncGenerator[StoredEvent, None], lines: Lines, kinds: Collection[str] | None
) -> None:
    async with aclosing(events):
        async for event in events:
            if kinds is None or event.event_type in kinds:
                lines.event(event)

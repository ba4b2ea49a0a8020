"""
Listing, counting and finding runs: by every filter, at 10,000, 100,000 and 1,000,000 runs.

Beside each list stands plain sqlite3 that reads the same rows by the same index.
"""

import asyncio
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _many_runs import keep_alive, make_runs, run_id_of
from _measure import folder, note, parser, show_machine
from otel_bridge_storage.run_store import RunStore

_SIZES = (10_000, 100_000, 1_000_000)
_PAGE = 50
_LATEST = "ORDER BY started_ns DESC, run_id DESC LIMIT 50"
_LABELLED = (
    f"WHERE run_id IN (SELECT run_id FROM run_labels WHERE kind = '{{}}' AND name = '{{}}' "
    f"AND value = '{{}}' {_LATEST})"
)

Asked = Mapping[str, Any]
Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Case:
    """
    One list: what it is narrowed by, and the condition that plain sqlite3 is given.
    """

    asked: Asked
    plain: str | None


def cases(count: int) -> dict[str, Case]:
    """
    Make the lists for a database of so many runs.
    """
    session, ticket = f"session-{count // 10}", count // 2
    return {
        "no filter": Case({}, ""),
        "session": Case({"session_id": session}, f"WHERE session_id = '{session}'"),
        "user": Case({"user_id": "user-7"}, "WHERE user_id = 'user-7'"),
        "tenant": Case({"tenant_id": "tenant-5"}, "WHERE tenant_id = 'tenant-5'"),
        "agent": Case({"agent_name": "agent-3"}, "WHERE agent_name = 'agent-3'"),
        "service": Case({"service": "service-1"}, "WHERE service = 'service-1'"),
        "parent": Case({"parent_run_id": run_id_of(0)}, f"WHERE parent_run_id = '{run_id_of(0)}'"),
        "status error": Case({"status": "error"}, "WHERE status = 'error'"),
        "interrupted": Case({"status": "interrupted"}, "WHERE status = 'running'"),
        "running": Case({"status": "running"}, "WHERE status = 'running'"),
        "three statuses": Case({"status": ["error", "cancelled", "interrupted"]}, None),
        "tag": Case({"tag": "team-7"}, _LABELLED.format("tag", "", '"team-7"')),
        "metadata": Case(
            {"metadata_filter": {"plan": "pro"}}, _LABELLED.format("metadata", "plan", '"pro"')
        ),
        "metadata, one run": Case({"metadata_filter": {"ticket": ticket}}, None),
        "agent + tag": Case({"agent_name": "agent-3", "tag": "team-7"}, None),
        "service + error": Case({"service": "service-1", "status": "error"}, None),
        "tenant + metadata": Case(
            {"tenant_id": "tenant-5", "metadata_filter": {"plan": "pro"}}, None
        ),
        "interrupted + tag": Case({"status": "interrupted", "tag": "team-7"}, None),
    }


async def measure(path: Path, count: int, rounds: int) -> tuple[Figures, Figures, Figures]:
    """
    Measure all there is in one database, the cases taking turns.

    Returns:
        Milliseconds, medians: of lists and look-ups, of plain sqlite3, and of counts.
    """
    with closing(sqlite3.connect(path)) as plain:
        async with RunStore.from_url(path) as store:
            lists, counts = await _asks(store, count)
            plains = {
                name: _plainly(plain, case.plain)
                for name, case in cases(count).items()
                if case.plain is not None
            }
            return (
                await _medians(path, lists, rounds),
                await _medians(path, plains, rounds),
                await _medians(path, counts, max(rounds // 5, 3)),
            )


async def _asks(store: RunStore, count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    (middle,) = await store.list_runs(limit=1, offset=count // 2)
    known = cases(count)
    lists: dict[str, Callable[[], Awaitable[object]]] = {
        name: lambda case=case: store.list_runs(limit=_PAGE, **case.asked)  # type: ignore[misc]
        for name, case in known.items()
    }
    deep: dict[str, Any] = {"cursor": store.cursor_after(middle)}
    lists |= {
        "cursor, half-way": lambda: store.list_runs(limit=_PAGE, **deep),
        "cursor + tag": lambda: store.list_runs(limit=_PAGE, tag="team-7", **deep),
        "since, until": lambda: store.list_runs(
            limit=_PAGE, started_after=middle.started_at, started_before=middle.started_at
        ),
        "get_run": lambda: store.get_run(middle.run_id),
        "resolve_run_id": lambda: store.resolve_run_id(middle.run_id[:10]),
    }
    counts: dict[str, Callable[[], Awaitable[object]]] = {
        name: lambda case=case: store.count_runs(**case.asked)  # type: ignore[misc]
        for name, case in known.items()
    }
    return lists, counts


def _plainly(connection: sqlite3.Connection, where: str) -> Callable[[], Awaitable[object]]:
    async def read() -> object:
        return connection.execute(f"SELECT * FROM runs {where} {_LATEST}").fetchall()

    return read


async def _medians(
    path: Path, asks: Mapping[str, Callable[[], Awaitable[object]]], rounds: int
) -> Figures:
    found: dict[str, list[float]] = {name: [] for name in asks}
    for number in range(-1, rounds):
        keep_alive(path)
        for name, ask in asks.items():
            begin = time.perf_counter()
            await ask()
            if number >= 0:
                found[name].append((time.perf_counter() - begin) * 1000)
    return {name: statistics.median(values) for name, values in found.items()}


def show(title: str, by_size: Mapping[int, Figures], plain: Figures | None) -> None:
    """
    Print a table: the median at each size, and the ratios of the largest.
    """
    sizes = sorted(by_size)
    small, large = by_size[sizes[0]], by_size[sizes[-1]]
    heads = [f"{size:>11,}" for size in sizes] + [f"{'÷ ' + format(sizes[0], ','):>10}"]
    print(f"\n{title}\n{'':20}{''.join(heads)}" + ("" if plain is None else f"{'÷ sqlite3':>12}"))
    for name in large:
        line = f"{name:20}" + "".join(f"{by_size[size][name]:>11.2f}" for size in sizes)
        line += f"{large[name] / small[name]:>10.2f}"
        if plain is not None:
            line += f"{large[name] / plain[name]:>12.2f}" if name in plain else f"{'–':>12}"
        print(line)


def main() -> None:
    """
    Measure and print.
    """
    options = parser(__doc__, runs=25)
    options.add_argument("--sizes", type=int, nargs="+", default=_SIZES, help="how many runs")
    chosen = options.parse_args()
    show_machine()
    lists: dict[int, Figures] = {}
    counts: dict[int, Figures] = {}
    plain: Figures = {}
    for size in sorted(chosen.sizes):
        with folder() as place:
            note(f"making {size:,} runs")
            make_runs(place / "runs.db", size, chosen.seed)
            found = asyncio.run(measure(place / "runs.db", size, chosen.runs))
            lists[size], plain, counts[size] = found
    show("list_runs(limit=50) and look-ups, p50 (ms); goal ≤ 5, flat", lists, plain)
    show("count_runs, p50 (ms)", counts, None)


if __name__ == "__main__":
    main()

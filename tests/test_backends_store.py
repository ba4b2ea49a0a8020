"""
`RunStore` answers the same over every kind of database.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pytest
from backends import Backend, ask
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.liveness import Writer
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.records import SpanRecord
from otel_bridge_storage.run_store import RunStore
from run_store_data import FlatPricer, PlainReader, call, fact, run, tool, when

GONE = Writer("gone", "another-host", 1)
TRACES = "abcdef"


def batches() -> list[list[SpanRecord]]:
    """
    Make runs of every status, with calls, tools, steps, pauses and labels of all types.
    """
    made: list[list[SpanRecord]] = []
    for number, letter in enumerate(TRACES):
        trace = letter * 32
        place: dict[str, Any] = {"trace": trace, "service": f"service-{number % 2}"}
        told = {
            "agent_name": f"agent {number % 2}",
            "session_id": f"séance-{number % 3}",
            "user_id": f"User-{number % 2}",
            "tenant_id": f"tenant-{number % 2}",
            "tags": ["all", f"tag-{number}", "it's", '"quoted"'][: number + 1],
            "metadata": {"n": number, "deep": {"a": [1, None]}, "on": number % 2 == 0, "s": "é"},
            "input": f"what is {number}?",
            "output": f"it is {number}",
        }
        facts = (
            fact("run.paused", 2, key="p1", pause_id="p", reason="approval"),
            fact("run.resumed", 3, key="r1", pause_id="p", user_input="yes"),
            fact("step.user", 1, key="s1", step_id=f"step-{number}", content="committed"),
            fact("pii.mapped", 1, key="m1", mapping={"<A>": "Ann"}),
            fact("custom.thing", 4, key="c1", value=number),
        )
        end = None if number == 4 else 9 + number
        status = {"failed": number == 1}
        if number == 2:
            told["status"] = "cancelled"
        children = [
            call("c1", number + 1, number + 2, parent="r", model="m", provider="p",
                 input_tokens=10 + number, output_tokens=3, response_id=f"resp-{number}",
                 asked="hi", answered="hello", iteration=1, **place),
            call("c2", number + 3, None if number == 4 else number + 4, parent="r", model="m2",
                 iteration=2, **place),
            tool("t1", number + 2, number + 3, parent="r", tool_name="search",
                 tool_call_id="x1", arguments='{"q": 1}', result="found", iteration=1, **place),
            run("k", f"child-{letter}", number + 1, number + 2, parent="r", **place),
        ]  # fmt: skip
        made.append(children)
        made.append(
            [run("r", f"run-{letter}", number, end, facts=facts, **told, **status, **place)]
        )
    return made


def recorded(target: str) -> str:
    """
    Store all of it as a writer that is gone by now.
    """
    with open_database(target) as database:
        ingestor = Ingestor(database, reader=PlainReader(), pricer=FlatPricer(), writer=GONE)
        for batch in batches():
            ingestor.apply(batch)
        with database.transaction() as connection:
            connection.exec_driver_sql("UPDATE writers SET last_seen_ns = 1")
    return target


FILTERS: Sequence[dict[str, Any]] = (
    {},
    {"limit": 3},
    {"limit": 3, "offset": 2},
    {"limit": None},
    {"status": "success"},
    {"status": "interrupted"},
    {"status": ["running", "interrupted"]},
    {"status": ["error", "cancelled"]},
    {"status": "running"},
    {"status": []},
    {"agent_name": "agent 1"},
    {"agent_name": "Agent 1"},
    {"parent_run_id": "run-c"},
    {"session_id": "séance-1"},
    {"user_id": "User-0"},
    {"tenant_id": "tenant-1"},
    {"service": "service-1"},
    {"tag": "tag-2"},
    {"tag": "it's"},
    {"tag": '"quoted"'},
    {"tag": "tag-%"},
    {"tag": "all", "agent_name": "agent 0"},
    {"started_after": when(2)},
    {"started_before": when(2)},
    {"started_after": when(1), "started_before": when(4), "user_id": "User-1"},
    {"metadata_filter": {"n": 3}},
    {"metadata_filter": {"n": 3.0}},
    {"metadata_filter": {"n": "3"}},
    {"metadata_filter": {"on": True}},
    {"metadata_filter": {"n": 1, "on": False, "s": "é"}},
    {"metadata_filter": {"deep": {"a": [1, None]}}},
    {"metadata_filter": {"none": None}},
    {"agent_name": "nul \x00 and \ud800"},
)


@pytest.fixture
def reference(backend: Backend) -> str:
    """
    Give a file that holds the same.
    """
    return recorded(str(backend.folder / "reference.db"))


def test_every_filter_finds_the_same_runs(backend: Backend, reference: str) -> None:
    """
    Lists and counts of runs are those of a SQLite file, in the same order.
    """
    recorded(backend.target)

    async def lists(runs: RunStore) -> list[Any]:
        found: list[Any] = []
        for wanted in FILTERS:
            listed = await runs.list_runs(**wanted)
            counting = {k: v for k, v in wanted.items() if k not in ("limit", "offset")}
            found.append((wanted, await runs.count_runs(**counting), list(map(asdict, listed))))
        return found

    answers = ask(backend.target, lists)
    for answer, expected in zip(answers, ask(reference, lists), strict=True):
        assert answer == expected
    assert sum(bool(listed) for _, _, listed in answers) > 20


def test_a_cursor_passes_every_run_once(backend: Backend) -> None:
    """
    Page by page each run is met once, in the order of the whole list.
    """
    recorded(backend.target)

    async def walk(runs: RunStore) -> tuple[list[str], list[str]]:
        whole = [each.run_id for each in await runs.list_runs(limit=None)]
        met: list[str] = []
        cursor = None
        while page := await runs.list_runs(limit=5, cursor=cursor):
            met += [each.run_id for each in page]
            cursor = runs.cursor_after(page[-1])
        return met, whole

    met, whole = ask(backend.target, walk)
    assert met == whole
    assert len(whole) == 2 * len(TRACES)


def test_the_log_is_read_piece_by_piece(backend: Backend, reference: str) -> None:
    """
    Events of a run and of the whole log are the same everywhere, and pages of them join
    without a seam.
    """
    recorded(backend.target)

    async def logs(runs: RunStore) -> list[Any]:
        whole = await runs.get_log(limit=None)
        pieces: list[Any] = []
        while piece := await runs.get_log(
            after_sequence=pieces[-1].sequence_index if pieces else None, limit=7
        ):
            pieces += piece
        assert pieces == whole
        events = await runs.get_events("run-b")
        numbers = [event.sequence_index for event in events]
        assert numbers == sorted(numbers)
        middle = numbers[len(numbers) // 2]
        later = await runs.get_events("run-b", after_sequence_index=middle)
        earlier = await runs.get_events("run-b", before=middle + 1)
        assert [*earlier, *later] == events
        some = await runs.get_events("run-b", event_types=["run.paused", "custom.thing"], limit=1)
        none = await runs.get_events("run-b", event_types=[])
        return [*map(asdict, (*whole, *events, *some)), none]

    assert ask(backend.target, logs) == ask(reference, logs)


def test_one_run_is_told_in_full(backend: Backend, reference: str) -> None:
    """
    Details, calls, tools, steps, pauses, mappings and spans are the same everywhere.
    """
    recorded(backend.target)

    async def details(runs: RunStore) -> list[Any]:
        found: list[Any] = []
        for letter in TRACES:
            run_id = f"run-{letter}"
            found += [
                await runs.get_run(run_id),
                await runs.get_llm_calls(run_id),
                await runs.get_llm_calls(run_id, iteration=2),
                await runs.get_llm_calls(run_id, limit=1, offset=1),
                await runs.get_tool_invocations(run_id),
                await runs.get_traces(run_id),
                await runs.get_traces(run_id, limit=2, offset=1),
                await runs.get_pauses(run_id),
                await runs.get_pii_mapping(run_id),
                await runs.get_spans(letter * 32),
                await runs.get_logs(letter * 32),
                await runs.resolve_run_id(f"run-{letter}"[:5]),
            ]
        return [*found, await runs.get_run("nobody"), await runs.resolve_run_id("child", limit=2)]

    answers = ask(backend.target, details)
    assert [repr(each) for each in answers] == [repr(each) for each in ask(reference, details)]
    assert answers[4][0].result == "found"
    assert answers[7][0].user_input == "yes"

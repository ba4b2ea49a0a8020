"""
Binding: runs, calls and totals do not depend on what arrived first, or how often.
"""

import asyncio
import dataclasses
import random
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from otel_bridge_storage.records import LinkRecord, ScopeRecord, SpanRecord
from otel_bridge_storage.rows import StoredEvent
from otel_bridge_storage.run_store import RunStore
from stored import picture, rows, store
from trees import FRAMEWORK, MS, NOON, SCOPE, agent, chat, forests, span, tool

WEEK_NS = 7 * 24 * 3600 * 10**9


@given(spans=forests(), seed=st.integers(0, 2**32), size=st.integers(1, 6))
@settings(
    max_examples=60,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_order_and_batching_gives_the_same(
    tmp_path_factory: pytest.TempPathFactory, spans: list[SpanRecord], seed: int, size: int
) -> None:
    """
    Shuffled, with duplicates and with open versions ahead, spans give the same picture.
    """
    folder = tmp_path_factory.mktemp("orders")
    store(folder / "whole.db", [spans])
    chance = random.Random(seed)
    noisy = spans + chance.choices(spans, k=len(spans) // 2)
    noisy += [opened(one) for one in chance.choices(spans, k=len(spans) // 2)]
    chance.shuffle(noisy)
    store(folder / "noisy.db", [noisy[i : i + size] for i in range(0, len(noisy), size)])
    assert picture(folder / "noisy.db") == picture(folder / "whole.db")


def opened(one: SpanRecord) -> SpanRecord:
    """
    Give a span as it was reported before its end: with less in it.
    """
    first = dict(list(one.attributes.items())[:2])
    return dataclasses.replace(
        one, end_ns=None, attributes=first, events=(), status_code=0, status_message=""
    )


def test_a_partial_span_is_completed_by_the_final_one(tmp_path: Path) -> None:
    """
    What arrives first under a span's id does not keep the whole span out.
    """
    final = span(1, 1, **chat("r1", 42))
    store(tmp_path / "a.db", [[opened(final)], [final]])
    store(tmp_path / "b.db", [[final], [opened(final)]])
    for name in ("a.db", "b.db"):
        found = rows(tmp_path / name, "SELECT status, input_tokens FROM llm_calls")
        assert found == [("ok", 42)]


def test_a_pending_span_with_an_end_gives_way_to_the_later_one(tmp_path: Path) -> None:
    """
    Of two ended versions of one span the one that ended later is kept, in either order.
    """
    final = span(1, 1, **chat("r1", 42))
    pending = dataclasses.replace(final, end_ns=final.start_ns, attributes={})
    for name, batches in (("a.db", [[pending], [final]]), ("b.db", [[final], [pending]])):
        store(tmp_path / name, batches)
        assert rows(tmp_path / name, "SELECT input_tokens FROM llm_calls") == [(42,)]


def test_a_parent_a_week_late_takes_its_calls(tmp_path: Path) -> None:
    """
    Calls stand in a run of their trace until their agent's span arrives.
    """
    path = tmp_path / "runs.db"
    call = span(1, 3, 2, **chat("r1", 5))
    middle = span(1, 2, 1, name="plain")
    late = span(1, 1, start_ns=NOON - WEEK_NS, **agent("a"))
    store(path, [[call]])
    assert rows(path, "SELECT run_id, input_tokens FROM runs") == [(call.trace_id, 5)]
    store(path, [[late]])
    store(path, [[middle]])
    found = rows(path, "SELECT run_id, agent_name, input_tokens, llm_calls FROM runs")
    assert found == [(late.span_id + late.trace_id[:16], "a", 5, 1)]


def test_sums_on_agents_are_not_counted(tmp_path: Path) -> None:
    """
    Tokens on an agent's span are the sum of its calls, and not more tokens.
    """
    usage = {"gen_ai.usage.input_tokens": 30, "gen_ai.usage.output_tokens": 30}
    spans = [span(1, 1, **agent("a", **usage))]
    spans += [span(1, number, 1, **chat(f"r{number}", 15)) for number in (2, 3)]
    path = tmp_path / "runs.db"
    store(path, [spans])
    assert rows(path, "SELECT input_tokens, llm_calls FROM runs") == [(30, 2)]


def test_a_framework_and_a_client_show_one_call(tmp_path: Path) -> None:
    """
    An LLM span inside an LLM span is the same call, and fills in what the outer lacks.
    """
    outer = span(1, 2, 1, **chat(None, None, **{"gen_ai.request.model": "alias"}))
    inner = span(1, 3, 2, **chat("r1", 7))
    path = tmp_path / "runs.db"
    store(path, [[span(1, 1, **agent("a")), outer, inner]])
    assert rows(path, "SELECT llm_calls, input_tokens FROM runs") == [(1, 7)]


def test_a_span_around_several_calls_is_their_sum(tmp_path: Path) -> None:
    """
    An LLM span around two calls is no third one.
    """
    spans = [span(1, 1, **chat(None, 30))]
    spans += [span(1, number, 1, **chat(f"r{number}", 15)) for number in (2, 3)]
    path = tmp_path / "runs.db"
    store(path, [spans])
    assert rows(path, "SELECT llm_calls, input_tokens FROM runs") == [(2, 30)]


def test_a_call_inside_a_tool_inside_a_call_is_another(tmp_path: Path) -> None:
    """
    Only what is directly inside a call is a copy of it; a tool in between makes a new one.
    """
    spans = [
        span(1, 1, **chat("r1", 3)),
        span(1, 2, 1, **tool("t")),
        span(1, 3, 2, **chat("r2", 4)),
    ]
    path = tmp_path / "runs.db"
    store(path, [spans])
    assert rows(path, "SELECT llm_calls, tool_calls, input_tokens FROM runs") == [(2, 1, 7)]


def test_a_copy_in_another_trace_belongs_to_the_agents_run(tmp_path: Path) -> None:
    """
    One provider response is one call, wherever it is seen, and it is the agent's.
    """
    path = tmp_path / "runs.db"
    seen = span(1, 2, 1, scope=FRAMEWORK, **chat("r1", None))
    store(path, [[span(2, 1, **chat("r1", 9))]])
    store(path, [[span(1, 1, **agent("a")), seen]])
    assert rows(path, "SELECT agent_name, llm_calls, input_tokens FROM runs") == [("a", 1, 9)]


def test_calls_that_share_an_id_by_chance_are_several(tmp_path: Path) -> None:
    """
    A response id that is given again, later or by one instrumentation, is another call.
    """
    path = tmp_path / "runs.db"
    later = NOON + 1000 * MS
    spans = [
        span(1, 1, **chat("same", 1)),
        span(2, 2, **chat("same", 2)),
        span(3, 3, start_ns=later, scope=FRAMEWORK, **chat("same", 3)),
    ]
    store(path, [[one] for one in spans])
    assert rows(path, "SELECT sum(llm_calls), sum(input_tokens) FROM runs") == [(3, 6)]


def test_runs_inside_runs_are_their_children(tmp_path: Path) -> None:
    """
    A run started in a tool of another has it as parent and is one level deeper.
    """
    spans = [
        span(1, 1, **agent("a", **{"gen_ai.conversation.id": "s"})),
        span(1, 2, 1, **tool("delegate")),
        span(1, 3, 2, **agent("b")),
        span(1, 4, 3, **agent("c")),
    ]
    path = tmp_path / "runs.db"
    store(path, [[one] for one in reversed(spans)])
    found = rows(
        path,
        "SELECT r.agent_name, p.agent_name, r.delegation_level, r.session_id FROM runs r"
        " LEFT JOIN runs p ON p.run_id = r.parent_run_id ORDER BY 3",
    )
    assert found == [("a", None, 0, "s"), ("b", "a", 1, "s"), ("c", "b", 2, "s")]


def test_one_response_id_for_ever_is_many_calls(tmp_path: Path) -> None:
    """
    What a mock answers under one id, thousands of times and at once, is counted each time.
    """
    path = tmp_path / "runs.db"
    spans = [span(n, 1, start_ns=NOON + n * MS, **chat("same", 1)) for n in range(1, 2000)]
    store(path, [spans[i : i + 100] for i in range(0, len(spans), 100)])
    assert rows(path, "SELECT count(*), sum(counted) FROM llm_calls") == [(1999, 1999)]


def test_spans_that_are_each_others_parents_do_no_harm(tmp_path: Path) -> None:
    """
    A cycle of parents is stored, and its neighbours with it.
    """
    cycle = [span(1, 1, 2, **chat("r1", 1)), span(1, 2, 1, **chat("r2", 1))]
    own_parent = span(1, 3, 3, **agent("a"))
    path = tmp_path / "runs.db"
    store(path, [[*cycle, own_parent, span(1, 4, 3, **chat("r3", 1))]])
    assert rows(path, "SELECT count(*) FROM spans") == [(4,)]
    assert rows(path, "SELECT llm_calls FROM runs WHERE agent_name = 'a'") == [(1,)]


def test_a_call_that_was_taken_for_a_copy_reaches_the_reader(tmp_path: Path) -> None:
    """
    Entries of a call that is shown only later get new places, so that a reader who has
    gone on with a cursor meets them.
    """
    path = tmp_path / "runs.db"
    inner = {"start_ns": NOON + 2 * MS, "end_ns": NOON + 3 * MS}
    seen: list[tuple[str, str]] = []
    cursor = 0
    for batch in (
        [span(1, 1, **agent("a"))],
        [span(1, 2, 1, **chat("r1", 5), start_ns=NOON, end_ns=NOON + 9 * MS)],
        [span(1, 3, 2, **chat("r1", 5), **inner)],
        [span(1, 5, 1, **tool("later"))],
        [span(1, 4, 2, **chat("r2", 6), **inner)],
    ):
        store(path, [batch])
        found = asyncio.run(events_after(path, cursor))
        seen += [(event.span_id[-1], event.event_type) for event in found]
        cursor = max([cursor, *(event.sequence_index for event in found)])
    shown = {(event.span_id[-1], event.event_type) for event in asyncio.run(events_after(path, 0))}
    assert shown <= set(seen)
    assert {("3", "llm_call.completed"), ("4", "llm_call.completed")} <= shown


async def events_after(path: Path, cursor: int) -> list[StoredEvent]:
    """
    Read what a run's log gained.
    """
    async with RunStore.from_url(path) as runs:
        (run,) = await runs.list_runs()
        return await runs.get_events(run.run_id, after_sequence_index=cursor)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)], ids=str)
def test_a_link_ties_traces_together(tmp_path: Path, order: tuple[int, ...]) -> None:
    """
    Work that goes on in another trace, linked to a span of a run, belongs to that run and
    its session; an agent there is its child, and the tool that set it going is no call
    around it.
    """
    path = tmp_path / "runs.db"
    marks = {"gen_ai.conversation.id": "s", "user.id": "ada", "otel_bridge.run.id": "main"}
    to_tool = LinkRecord(span(1, 2).trace_id, span(1, 2).span_id)
    batches = [
        [span(1, 1, **agent("a", **marks)), span(1, 2, 1, **tool("enqueue"))],
        [span(2, 3, name="worker", links=(to_tool,)), span(2, 4, 3, **chat("r1", 5))],
        [span(3, 5, **agent("b", **{"otel_bridge.run.id": "child"}), links=(to_tool,))],
    ]
    store(path, [batches[number] for number in order])
    assert rows(path, "SELECT run_id, outer_call, counted FROM llm_calls") == [("main", None, 1)]
    assert rows(path, "SELECT DISTINCT session_id, user_id FROM spans") == [("s", "ada")]
    assert rows(
        path, "SELECT run_id, parent_run_id, delegation_level, llm_calls FROM runs ORDER BY 1"
    ) == [("child", "main", 1, 0), ("main", None, 0, 1)]


def test_a_link_to_something_later_is_no_parent(tmp_path: Path) -> None:
    """
    Links cannot lead in a circle: what started no earlier did not set the work going.
    """
    path = tmp_path / "runs.db"
    first, second = span(1, 1, **agent("a")), span(2, 1, **agent("b"))
    to_first, to_second = (LinkRecord(one.trace_id, one.span_id) for one in (first, second))
    store(
        path,
        [
            [
                dataclasses.replace(first, links=(to_second,)),
                dataclasses.replace(second, links=(to_first,)),
            ]
        ],
    )
    assert rows(path, "SELECT parent_run_id, delegation_level FROM runs") == [(None, 0)] * 2


def test_several_links_are_no_parent(tmp_path: Path) -> None:
    """
    A span that gathers the work of several others belongs to none of them.
    """
    path = tmp_path / "runs.db"
    links = tuple(LinkRecord(span(t, 1).trace_id, span(t, 1).span_id) for t in (1, 2))
    store(
        path,
        [
            [
                span(1, 1, **agent("a")),
                span(2, 1, **agent("b")),
                span(3, 1, name="gather", links=links),
            ]
        ],
    )
    assert rows(path, "SELECT run_id FROM spans WHERE name = 'gather'") == [(None,)]


@pytest.mark.parametrize(
    ("scope", "later_ms", "calls"), [(FRAMEWORK, 0, 1), (FRAMEWORK, 500, 2), (SCOPE, 0, 2)]
)
def test_an_own_id_joins_across_runs(
    tmp_path: Path, scope: ScopeRecord, later_ms: int, calls: int
) -> None:
    """
    Two recorders of one framework, each with a run of its own, show one call if it has the
    framework's id in both at one time; one recorder that uses an id again shows two.
    """
    own = {"otel_bridge.llm_call.id": "c1"}
    start = NOON + (2 + later_ms) * MS
    spans = [
        span(1, 1, **agent("a")),
        span(1, 2, 1, **chat(tokens=7, **own)),
        span(2, 1, **agent("a")),
        span(2, 2, 1, **chat(tokens=7, **own), scope=scope, start_ns=start),
    ]
    store(tmp_path / "one.db", [spans])
    store(tmp_path / "other.db", [[one] for one in reversed(spans)])
    assert picture(tmp_path / "one.db") == picture(tmp_path / "other.db")
    counted = "SELECT count(*), sum(input_tokens) FROM llm_calls WHERE counted = 1"
    assert rows(tmp_path / "one.db", counted) == [(calls, 7 * calls)]
    assert rows(tmp_path / "one.db", "SELECT sum(llm_calls) FROM runs") == [(calls,)]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_calls_outside_agents_belong_to_their_session(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    """
    Traces of one session without an agent are one run, also where a span above is the one
    that names the session; other traces are runs of their own.
    """
    batches = [
        [span(1, 1, name="turn", attributes={"session.id": "s"})],
        [span(1, 2, 1, **chat(tokens=1)), span(2, 1, **chat(tokens=2, **{"session.id": "s"}))],
        [span(3, 1, **chat(tokens=4))],
    ]
    path = tmp_path / "runs.db"
    store(path, [batches[i] for i in order])
    assert rows(path, "SELECT session_id, llm_calls, input_tokens FROM runs ORDER BY 1") == [
        (None, 1, 4),
        ("s", 2, 3),
    ]


def test_a_run_that_goes_on_inside_itself_is_not_its_own_parent(tmp_path: Path) -> None:
    """
    A stretch of a run under a span of the same run leaves the run at the top.
    """
    own = {"otel_bridge.run.id": "r"}
    spans = [span(1, 1, **agent("a", **own)), span(1, 2, 1, **agent("a", **own))]
    store(tmp_path / "runs.db", [spans])
    assert rows(tmp_path / "runs.db", "SELECT parent_run_id, delegation_level FROM runs") == [
        (None, 0)
    ]

"""
Erasing: what goes is gone to the last byte, and the rest is as if it had never been there.
"""

import dataclasses
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from otel_bridge_storage.erasure import Erased, erase, prune
from otel_bridge_storage.errors import DatabaseUnavailableError, QueryError
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.integrity import check
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.records import (
    EventRecord,
    LinkRecord,
    LogRecord,
    ResourceRecord,
    ScopeRecord,
    SpanRecord,
)
from otel_bridge_storage.sqlite_files import open_reader
from stored import PRICER, READER, picture, rows, store
from trees import MS, NOON, RESOURCE, SCOPE, agent, chat, forests, message, span, tool

from otel_bridge import RunEventStore, open_metadata_store

DAY_NS = 24 * 3600 * 10**9


def erased(path: Path, **what: Any) -> Erased:
    """
    Erase on request.
    """
    with open_database(path) as database:
        return erase(database, reader=READER, pricer=PRICER, **what)


def pruned(path: Path, **how: Any) -> Erased:
    """
    Erase by age or size.
    """
    with open_database(path) as database:
        return prune(database, reader=READER, pricer=PRICER, **how)


def run_of(trace: int, session: str, word: str, **attributes: Any) -> list[SpanRecord]:
    """
    Make a run of three spans whose texts are full of a word.
    """
    said = {"gen_ai.input.messages": message("user", word * 60), **attributes}
    return [
        span(trace, 1, **agent("a", **{"gen_ai.conversation.id": session, **said})),
        span(trace, 2, 1, **chat(f"{word}-{trace}", 5, note=word * 70)),
        span(trace, 3, 1, **tool(f"tool-{word}")),
    ]


def bytes_of(folder: Path) -> bytes:
    """
    Give all that lies on the disk.
    """
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def rest(path: Path, spans: list[SpanRecord]) -> list[SpanRecord]:
    """
    Give those of some spans that a database still has.
    """
    there = set(rows(path, "SELECT trace_id, span_id FROM spans"))
    return [one for one in spans if one.key in there]


@given(spans=forests(), seed=st.integers(0, 2**32), by=st.sampled_from(["run_id", "session_id"]))
@settings(
    max_examples=60,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_rest_is_as_if_it_had_been_alone(
    tmp_path_factory: pytest.TempPathFactory, spans: list[SpanRecord], seed: int, by: str
) -> None:
    """
    After an erasure every row is the same as where what is left was all there ever was.
    """
    folder = tmp_path_factory.mktemp("erasure")
    store(folder / "runs.db", [spans])
    there = [row[0] for row in rows(folder / "runs.db", f"SELECT DISTINCT {by} FROM runs")]
    wanted = random.Random(seed).choice([value for value in there if value] or ["none"])
    erased(folder / "runs.db", **{by: wanted})
    left = rest(folder / "runs.db", spans)
    store(folder / "alone.db", [left])
    assert picture(folder / "runs.db") == picture(folder / "alone.db")
    assert not rows(folder / "runs.db", f"SELECT 1 FROM runs WHERE {by} = ?", wanted)
    assert not rows(folder / "runs.db", f"SELECT 1 FROM spans WHERE {by} = ?", wanted)
    assert check(folder / "runs.db") == []


MARK = "ERASEME"


def marked(trace: int, mark: str) -> list[SpanRecord | LogRecord]:
    """
    Make a run and logs in which every text that telemetry can hold bears a mark.
    """
    long = f"{mark}-" * 400
    resource = ResourceRecord({"service.name": f"{mark}-service", "host": long})
    scope = ScopeRecord(f"{mark}-scope", mark, {"own": long}, 0, f"https://{mark}.example")
    own: dict[str, Any] = {"resource": resource, "scope": scope}
    attributes = {
        "gen_ai.conversation.id": f"{mark}-session",
        "user.id": f"{mark}-user",
        "otel_bridge.tags": [f"{mark}-tag"],
        "gen_ai.input.messages": message("user", long),
        f"{mark}-key": [long, {"deep": f"{mark} text " * 100}],
    }
    first = dataclasses.replace(
        span(trace, 1, **agent(f"{mark}-agent", **attributes)),
        events=(EventRecord(f"{mark}-event", NOON, {"what": long}),),
        links=(LinkRecord("a" * 32, "b" * 16, mark, {"why": long}),),
        status_message=f"{mark} failed",
        trace_state=f"{mark}=1",
        **own,
    )
    call = dataclasses.replace(span(trace, 2, 1, **chat(f"{mark}-response", 9)), **own)
    fields = tool(f"{mark}-tool", f"{mark}-call")
    fields["attributes"]["gen_ai.tool.call.arguments"] = f'{{"q": "{long}"}}'
    fields["attributes"]["gen_ai.tool.call.result"] = long
    used = span(trace, 3, 1, **fields)
    log = LogRecord(
        trace_id=first.trace_id,
        span_id=first.span_id,
        time_ns=NOON,
        observed_ns=NOON,
        severity_number=9,
        severity_text=mark,
        event_name=f"{mark}-log",
        body=long,
        attributes={"more": long},
        dropped_attributes=0,
        flags=0,
        resource=resource,
        scope=scope,
    )
    return [first, call, dataclasses.replace(used, **own), log]


def open_version(one: SpanRecord) -> SpanRecord:
    """
    Give a span as it was before its end, with a text that it no longer has at the end.
    """
    return dataclasses.replace(
        one, end_ns=None, attributes={**one.attributes, "draft": f"{MARK} draft " * 200}
    )


@pytest.mark.parametrize("by", ["run_id", "session_id", "user_id"])
def test_no_byte_of_it_is_left(tmp_path: Path, by: str) -> None:
    """
    No text of what was erased is found in the file, its log, or anything beside it, not
    even of versions of a span that were replaced before.
    """
    path = tmp_path / "runs.db"
    spans = marked(2, MARK)
    drafts = [open_version(one) for one in spans if isinstance(one, SpanRecord)]
    store(path, [marked(1, "STAYS"), drafts, spans, marked(3, "STAYS-TOO")])
    (wanted,) = rows(path, f"SELECT {by} FROM runs WHERE agent_name = ?", f"{MARK}-agent")
    assert MARK.encode() in bytes_of(tmp_path)
    done = erased(path, **{by: wanted[0]})
    assert (done.runs, done.spans, done.logs) == (1, 3, 1)
    found = bytes_of(tmp_path)
    assert MARK.encode() not in found
    assert b"STAYS-agent" in found
    assert b"STAYS-TOO-agent" in found


def test_a_tenants_runs_and_their_children_go(tmp_path: Path) -> None:
    """
    All runs of a tenant go, and the runs below them whoever's they are.
    """
    path = tmp_path / "runs.db"
    store(
        path,
        [
            [
                span(1, 1, **agent("a", **{"otel_bridge.tenant.id": "acme"})),
                span(1, 2, 1, **agent("child")),
                span(2, 1, **agent("b", **{"otel_bridge.tenant.id": "other"})),
            ]
        ],
    )
    assert erased(path, tenant_id="acme").runs == 2
    assert rows(path, "SELECT agent_name FROM runs") == [("b",)]


def test_a_copy_outside_any_run_goes_with_its_call(tmp_path: Path) -> None:
    """
    What a client's instrumentation reported of the same call in another trace goes too,
    and a copy that belongs to another run stays and becomes the call.
    """
    path = tmp_path / "runs.db"
    when = {"start_ns": NOON, "end_ns": NOON + MS}
    store(
        path,
        [
            [
                span(1, 1, **agent("a")),
                span(1, 2, 1, **chat("r1", 5), **when),
                dataclasses.replace(
                    span(2, 1, **chat("r1", 5), **when), scope=ScopeRecord("client", "1")
                ),
                span(3, 1, **agent("b")),
                dataclasses.replace(
                    span(3, 2, 1, **chat("r1", 5), **when), scope=ScopeRecord("third", "1")
                ),
            ]
        ],
    )
    run_id = rows(path, "SELECT run_id FROM runs WHERE agent_name = 'a'")[0][0]
    erased(path, run_id=run_id)
    assert rows(path, "SELECT trace_id FROM spans ORDER BY id") == [(f"{3:032x}",)] * 2
    assert rows(path, "SELECT counted FROM llm_calls") == [(1,)]
    assert rows(path, "SELECT agent_name, llm_calls FROM runs") == [("b", 1)]


def test_a_legal_hold_keeps_the_whole_family(tmp_path: Path) -> None:
    """
    A tag on any run of a family keeps all of it from every kind of erasure.
    """
    path = tmp_path / "runs.db"
    hold = {"otel_bridge.tags": ["legal-hold"]}
    store(
        path,
        [
            [
                span(1, 1, **agent("parent", **{"gen_ai.conversation.id": "s"})),
                span(1, 2, 1, **agent("held", **hold)),
                span(1, 3, 1, **agent("sister")),
                span(2, 1, **agent("free", **{"gen_ai.conversation.id": "s"})),
            ]
        ],
    )
    done = erased(path, session_id="s")
    assert (done.runs, done.held_runs) == (1, 3)
    assert pruned(path, before_ns=NOON + DAY_NS).runs == 0
    assert pruned(path, max_bytes=1, now_ns=NOON + DAY_NS).runs == 0
    assert {name for (name,) in rows(path, "SELECT agent_name FROM runs")} == {
        "parent",
        "held",
        "sister",
    }
    assert erased(path, session_id="s", hold_tags=()).runs == 3


def test_old_families_go_and_younger_ones_stay(tmp_path: Path) -> None:
    """
    A family is as old as the latest thing heard of it; traces and logs without any run
    have an age as well.
    """
    path = tmp_path / "runs.db"
    late = NOON + 10 * DAY_NS
    log = next(one for one in marked(9, "x") if isinstance(one, LogRecord))
    store(
        path,
        [
            [
                span(1, 1, **agent("old")),
                span(2, 1, **agent("old parent")),
                span(2, 2, 1, **agent("young child"), start_ns=late),
                span(3, 1, name="plain and old"),
                span(4, 1, name="plain and young", start_ns=late),
                dataclasses.replace(log, trace_id="", span_id="", time_ns=NOON),
                dataclasses.replace(log, trace_id="", span_id="", time_ns=late),
            ]
        ],
    )
    foreseen = pruned(path, before_ns=NOON + DAY_NS, dry_run=True)
    assert len(rows(path, "SELECT 1 FROM spans")) == 5
    done = pruned(path, before_ns=NOON + DAY_NS)
    assert (done.runs, done.spans, done.logs) == (1, 2, 1)
    assert (foreseen.runs, foreseen.spans, foreseen.logs) == (1, 2, 1)
    assert len(rows(path, "SELECT 1 FROM runs")) == 2
    assert rows(path, "SELECT time_ns FROM logs") == [(late,)]


def test_runs_that_failed_can_be_kept(tmp_path: Path) -> None:
    """
    With `keep_errors` a family in which a run failed stays, however old.
    """
    path = tmp_path / "runs.db"
    store(
        path,
        [
            [
                span(1, 1, **agent("parent")),
                span(1, 2, 1, **agent("failed"), status_code=2),
                span(2, 1, **agent("fine")),
            ]
        ],
    )
    assert pruned(path, before_ns=NOON + DAY_NS, keep_errors=True).runs == 1
    assert len(rows(path, "SELECT 1 FROM runs")) == 2


def test_a_run_whose_writer_lives_is_never_pruned(tmp_path: Path) -> None:
    """
    An open run is as young as its writer's last sign of life.
    """
    path = tmp_path / "runs.db"
    with open_database(path) as database:
        ingestor = Ingestor(database, reader=READER, pricer=PRICER)
        ingestor.apply([span(1, 1, **agent("open"), end_ns=None)])
        now = time.time_ns()
        assert prune(database, reader=READER, pricer=PRICER, before_ns=now - DAY_NS).runs == 0
        assert prune(database, reader=READER, pricer=PRICER, before_ns=now + DAY_NS).runs == 1


def test_a_database_is_brought_below_a_size(tmp_path: Path) -> None:
    """
    The oldest families go until the file is small enough, and no more than that.
    """
    path = tmp_path / "runs.db"
    spans = [one for t in range(1, 121) for one in run_of(t, f"s{t}", f"word{t} ")]
    store(path, [spans])
    before = path.stat().st_size
    limit = before * 2 // 3
    done = pruned(path, max_bytes=limit, now_ns=NOON + DAY_NS)
    assert path.stat().st_size <= limit
    assert 0 < done.runs < 90
    left = [row[0] for row in rows(path, "SELECT session_id FROM runs ORDER BY started_ns")]
    assert left == [f"s{t}" for t in range(done.runs + 1, 121)]
    assert b"word1 " not in bytes_of(tmp_path)
    store(tmp_path / "alone.db", [rest(path, spans)])
    assert picture(path) == picture(tmp_path / "alone.db")


def test_a_writer_does_not_rely_on_texts_that_others_erased(tmp_path: Path) -> None:
    """
    A text that a writer has stored before, and that was erased since, is stored again.
    """
    path = tmp_path / "runs.db"
    with open_database(path) as database:
        ingestor = Ingestor(database, reader=READER, pricer=PRICER)
        ingestor.apply(run_of(1, "s1", "same "))
        erased(path, session_id="s1")
        ingestor.apply(run_of(2, "s2", "same "))
    assert check(path) == []
    store(tmp_path / "alone.db", [run_of(2, "s2", "same ")])
    assert picture(path) == picture(tmp_path / "alone.db")


def test_a_reader_in_the_way_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where a reader holds on to an older state, the rows go and the error says what is left.
    """
    monkeypatch.setattr("otel_bridge_storage.sqlite_database.BUSY_TIMEOUT_S", 0.2)
    path = tmp_path / "runs.db"
    store(path, [run_of(1, "s1", "apple "), run_of(2, "s2", "pear ")])
    reader = open_reader(path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM spans").fetchone()
    with pytest.raises(DatabaseUnavailableError, match="may still be in"):
        erased(path, session_id="s1")
    reader.close()
    assert rows(path, "SELECT session_id FROM runs") == [("s2",)]
    erased(path, session_id="nothing")
    assert b"apple" not in bytes_of(tmp_path)


def test_requests_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    """
    Nothing or two things to erase, and no limit to prune by, are errors that say so.
    """
    path = tmp_path / "runs.db"
    store(path, [[span(1, 1, **agent("a"))]])
    with pytest.raises(QueryError, match="one thing"):
        erased(path)
    with pytest.raises(QueryError, match="one thing"):
        erased(path, run_id="a", user_id="b")
    with pytest.raises(QueryError, match="what to keep"):
        pruned(path)


def test_ids_are_never_given_again(tmp_path: Path) -> None:
    """
    Sequence numbers go on after an erasure, so that a reader with a cursor misses nothing.
    """
    path = tmp_path / "runs.db"
    store(path, [run_of(1, "s1", "apple ")])
    (last,) = rows(path, "SELECT max(seq) FROM run_log")[0]
    erased(path, session_id="s1")
    store(path, [run_of(2, "s2", "pear ")])
    (first,) = rows(path, "SELECT min(seq) FROM run_log")[0]
    assert first > last


def test_resources_in_use_stay(tmp_path: Path) -> None:
    """
    Resources and scopes that other spans share are kept.
    """
    path = tmp_path / "runs.db"
    store(path, [run_of(1, "s1", "apple "), run_of(2, "s2", "pear ")])
    erased(path, session_id="s1")
    with open_database(path):
        assert rows(path, "SELECT service FROM resources") == [
            (RESOURCE.attributes["service.name"],)
        ]
        assert rows(path, "SELECT name FROM scopes") == [(SCOPE.name,)]


def test_a_hold_keeps_the_spans_of_another_session_in_it(tmp_path: Path) -> None:
    """
    A span of an erased session stays where it is part of a run on hold, and that is said.
    """
    path = tmp_path / "runs.db"
    held = {"gen_ai.conversation.id": "a", "otel_bridge.tags": ["legal-hold"]}
    store(
        path,
        [
            [
                span(1, 1, **agent("held", **held)),
                span(1, 2, 1, **chat("r1", 5, **{"gen_ai.conversation.id": "b"})),
            ]
        ],
    )
    assert erased(path, session_id="b").held_runs == 1
    assert len(rows(path, "SELECT 1 FROM spans")) == 2


@pytest.mark.parametrize("by", ["run_id", "session_id", "user_id", "age"])
async def test_what_a_server_kept_of_threads_goes_too(tmp_path: Path, by: str) -> None:
    """
    Metadata of threads and runs goes with the runs and sessions they are of, also where an
    id is too long for an index, and others stay.
    """
    path = tmp_path / "runs.db"
    names = {"session_id": f"{MARK}-{'s' * 600}", "run_id": f"{MARK}-{'r' * 600}"}
    told = {
        "gen_ai.conversation.id": names["session_id"],
        "otel_bridge.run.id": names["run_id"],
        "user.id": "ada",
    }
    store(path, [[span(1, 1, **agent("a", **told)), *run_of(2, "stays", "pear ")]])
    now = {"clock": lambda: NOON}
    async with open_metadata_store(path, **now) as threads:
        for thread, run in ((names["session_id"], names["run_id"]), ("stays", "stays-too")):
            await threads.create_thread(
                thread, metadata={"m": thread}, config={}, ttl=None, if_exists="raise"
            )
            await threads.create_run(run, thread, "assistant", {}, {"input": run}, None)
    if by == "age":
        store(path, [[span(2, 4, 1, name="late", start_ns=NOON + 9 * DAY_NS)]])
        store(path, [[span(3, 1, **agent("young"), start_ns=NOON + 9 * DAY_NS)]])
        assert pruned(path, before_ns=NOON + DAY_NS).runs == 2
    else:
        erased(path, **{by: names.get(by, "ada")})
    left = rows(path, "SELECT thread_id, run_id FROM thread_runs")
    assert left == ([] if by == "age" else [("stays", "stays-too")])
    if by == "run_id":
        assert names["run_id"].encode() not in bytes_of(tmp_path)
    else:
        assert MARK.encode() not in bytes_of(tmp_path)


async def test_a_prune_sweeps_up_what_a_store_deleted(tmp_path: Path) -> None:
    """
    Texts of events that were deleted are gone after the next prune, whatever it erases, and
    a thread's numbers go on even after its session was erased.
    """
    path = tmp_path / "runs.db"
    own: dict[str, Any] = {"thread_id": "t", "run_id": "r", "event_type": "ai_message"}
    own["category"] = "message"
    async with RunEventStore.from_url(path) as events:
        await events.put(**own, content=f"{MARK} " * 100)
        await events.delete_by_thread("t")
    pruned(path, before_ns=0)
    assert rows(path, "SELECT count(*) FROM messages") == [(0,)]
    async with RunEventStore.from_url(path) as events:
        assert (await events.put(**own, content="b"))["seq"] == 2
    erased(path, session_id="t")
    async with RunEventStore.from_url(path) as events:
        assert (await events.put(**own, content="c"))["seq"] == 3


def test_a_size_is_reached_without_any_run_too(tmp_path: Path) -> None:
    """
    Spans and logs that belong to no run go by size as well, and a dry run counts them all.
    """
    path = tmp_path / "runs.db"
    plain = [span(t, 1, name="plain", attributes={"x": f"{t} " * 150}) for t in range(1, 801)]
    store(path, [plain])
    assert pruned(path, before_ns=NOON + DAY_NS, dry_run=True).spans == 800
    limit = path.stat().st_size // 2
    pruned(path, max_bytes=limit, now_ns=NOON + DAY_NS)
    assert path.stat().st_size <= limit


def test_logs_without_a_span_go_with_whom_they_name(tmp_path: Path) -> None:
    """
    A log record of no span goes with the user or session in its attributes.
    """
    path = tmp_path / "runs.db"
    log = next(one for one in marked(9, MARK) if isinstance(one, LogRecord))
    alone: dict[str, Any] = {"trace_id": "", "span_id": "", "resource": RESOURCE, "scope": SCOPE}
    ada = dataclasses.replace(log, **alone, attributes={"user.id": "ada"})
    bob = dataclasses.replace(log, **alone, attributes={"user.id": "bob"}, body="stays")
    store(path, [[ada, bob, span(1, 1, **agent("a", **{"user.id": "ada"}))]])
    assert erased(path, user_id="ada").logs == 1
    assert rows(path, "SELECT body FROM logs") == [('"stays"',)]

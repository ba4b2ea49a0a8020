"""
Calls that log records tell of: counted once, wherever and whenever their spans arrive.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otel_bridge_storage.erasure.requests import erase
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.integrity import check
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.readings import LogReading, Reading, Role
from otel_bridge_storage.rebuild import rebuild
from otel_bridge_storage.records import Arrival, LogRecord, ScopeRecord, SpanRecord
from stored import PRICER, picture, rows
from trees import MS, NOON, RESOURCE, agent, chat, forests, message, span

from otel_bridge.cli.main import run_with
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.registry import Dialects, built_in
from otel_bridge.dialects.span_reading import read_as, told_by_log
from otel_bridge.dialects.stand_ins import stand_in
from otel_bridge.otlp.files import read_telemetry

DETAILS = "gen_ai.client.inference.operation.details"
SCOPE = ScopeRecord("tests.client", "1")
ECHOES = ScopeRecord("tests.echoes", "1")


class Echoes(Dialect):
    """
    Tells each call twice, in a span and in a log record, with nothing to join them by but
    what they say.
    """

    name = "echoes"
    scopes = (ECHOES.name,)

    def read(self, span: SpanRecord) -> Reading:
        """
        Read both signals alike.
        """
        reading = read_as(self.name, span, role=Role.LLM)
        assert reading.call is not None
        echo = f"{reading.session_id}:{reading.call.usage.input_tokens}"
        reading = replace(reading, call=replace(reading.call, echo=echo))
        return told_by_log(reading) if span.name == "told" else reading

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Let a span stand for each record.
        """
        if log.scope.name != ECHOES.name:
            return None
        return LogReading(span=stand_in(log, "told", conversation="c", duration_ns=5 * MS))


READER = Dialects([Echoes(), *built_in()])


def store(path: Path, batches: Sequence[Sequence[Arrival]]) -> None:
    """
    Store batches one after another.
    """
    with open_database(path) as database:
        ingestor = Ingestor(database, reader=READER, pricer=PRICER)
        for batch in batches:
            ingestor.apply(batch)


def log(number: int, tokens: int, host: SpanRecord | None = None, **fields: Any) -> LogRecord:
    """
    Make a log record of a whole call, by default one of the conventions.
    """
    extra = fields.pop("attributes", {})
    fields.setdefault("scope", SCOPE)
    fields.setdefault("event_name", DETAILS)
    return LogRecord(
        trace_id=host.trace_id if host else "",
        span_id=host.span_id if host else "",
        time_ns=NOON + number * MS,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.usage.input_tokens": tokens,
            "gen_ai.usage.output_tokens": 1,
            "n": number,
            **extra,
        },
        resource=RESOURCE,
        **fields,
    )


def counted(path: Path) -> list[Any]:
    """
    Give the input tokens of the calls that are counted.
    """
    found = rows(path, "SELECT input_tokens FROM llm_calls WHERE counted = 1 ORDER BY 1")
    return [tokens for (tokens,) in found]


def in_both_orders(tmp_path: Path, first: Sequence[Arrival], second: Sequence[Arrival]) -> Path:
    """
    Store the two one after the other, either way, see that it comes to the same, and give
    one of the databases.
    """
    store(tmp_path / "one.db", [first, second])
    store(tmp_path / "other.db", [second, first])
    assert picture(tmp_path / "one.db") == picture(tmp_path / "other.db")
    return tmp_path / "one.db"


def test_a_record_beside_the_span_of_its_call_is_that_call(tmp_path: Path) -> None:
    """
    The span is counted, and what it does not say the record tells.
    """
    run, call = span(1, 1, **agent("a")), span(1, 2, 1, **chat(tokens=None))
    path = in_both_orders(tmp_path, [run, call], [log(9, 70, call)])
    assert counted(path) == [70]
    assert rows(path, "SELECT llm_calls, input_tokens FROM runs") == [(1, 70)]


def test_a_record_without_its_span_is_a_call_of_the_run(tmp_path: Path) -> None:
    """
    Where the span of a call never comes, the record beside the agent's span is counted.
    """
    run = span(1, 1, **agent("a"))
    path = in_both_orders(tmp_path, [run], [log(2, 30, run), log(3, 40, run)])
    assert counted(path) == [30, 40]
    assert rows(path, "SELECT agent_name, llm_calls FROM runs") == [("a", 2)]


def test_several_records_in_one_span_are_the_calls_it_sums_up(tmp_path: Path) -> None:
    """
    A span that carries the last of several calls is believed in nothing but the model.
    """
    whole = span(1, 1, **chat(tokens=40))
    told = [
        log(n, tokens, whole, attributes={"gen_ai.request.model": None})
        for n, tokens in ((2, 30), (3, 40))
    ]
    path = in_both_orders(tmp_path, [whole], told)
    assert counted(path) == [30, 40]
    models = rows(path, "SELECT DISTINCT request_model FROM llm_calls WHERE counted = 1")
    assert models == [("gpt-4o-mini",)]


def test_a_record_beside_a_framework_and_a_client_is_no_third_call(tmp_path: Path) -> None:
    """
    A span around the client's span stays one call when a record beside it tells the same.
    """
    outer = span(1, 1, **chat("r1", 20))
    inner = span(1, 2, 1, **chat("r1", 20), scope=ECHOES)
    path = in_both_orders(tmp_path, [outer, inner], [log(3, 20, outer)])
    assert counted(path) == [20]


def test_records_of_one_session_without_any_trace_are_one_run(tmp_path: Path) -> None:
    """
    What names a session and nothing else belongs to that session's run.
    """
    told = [log(n, n, attributes={"gen_ai.conversation.id": f"s{n % 2}"}) for n in range(1, 6)]
    path = in_both_orders(tmp_path, told[:2], told[2:])
    assert rows(path, "SELECT session_id, llm_calls FROM runs ORDER BY 1") == [
        ("s0", 2),
        ("s1", 3),
    ]


@pytest.mark.parametrize("spans_and_logs", [(2, 2), (2, 1), (1, 3), (0, 2)])
def test_equal_calls_are_paired_one_to_one(
    tmp_path: Path, spans_and_logs: tuple[int, int]
) -> None:
    """
    Of calls that say the same there are as many as the signal that told more of them.
    """
    told, logged = spans_and_logs
    session = {"gen_ai.conversation.id": "s"}
    shown = [span(1, n + 1, **chat(tokens=7, **session), scope=ECHOES) for n in range(told)]
    records = [log(n, 7, scope=ECHOES, attributes=session) for n in range(logged)]
    path = in_both_orders(tmp_path, shown, records)
    assert counted(path) == [7] * max(told, logged)


@st.composite
def mixtures(draw: st.DrawFn) -> list[Arrival]:
    """
    Draw spans, and log records beside them, beside nothing, and outside any trace.
    """
    spans = draw(forests())
    made: list[Arrival] = [*spans]
    for number in range(draw(st.integers(1, 6))):
        host = draw(st.one_of(st.none(), st.sampled_from(spans)))
        session = draw(st.sampled_from([{}, {"gen_ai.conversation.id": "s1"}]))
        response = draw(st.sampled_from([{}, {"gen_ai.response.id": "r1"}]))
        answer = draw(st.sampled_from([{}, {"gen_ai.output.messages": message("assistant", "y")}]))
        scope = draw(st.sampled_from([SCOPE, ECHOES]))
        tokens = draw(st.integers(1, 3))
        said = session | response | answer
        made.append(log(number, tokens, host, scope=scope, attributes=said))
    shown = draw(st.integers(0, 3))
    made += [span(9, n + 1, **chat(tokens=n), scope=ECHOES) for n in range(shown)]
    return made


@given(arrivals=mixtures(), seed=st.integers(0, 2**32), size=st.integers(1, 6))
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_order_and_a_rebuild_give_the_same(
    tmp_path_factory: pytest.TempPathFactory, arrivals: list[Arrival], seed: int, size: int
) -> None:
    """
    Whatever the order, the batches and the repetitions of spans and log records, calls and
    runs are the same; so they are after a rebuild, and `check` finds nothing.
    """
    folder = tmp_path_factory.mktemp("mixed")
    store(folder / "whole.db", [arrivals])
    whole = picture(folder / "whole.db")
    shuffled = [*arrivals, *arrivals[::3]]
    random.Random(seed).shuffle(shuffled)
    path = folder / "parts.db"
    store(path, [shuffled[i : i + size] for i in range(0, len(shuffled), size)])
    assert picture(path) == whole
    with open_database(path) as database:
        rebuild(database, reader=READER, pricer=PRICER)
    assert picture(path) == whole
    assert check(path) == []


def test_a_rebuild_follows_what_dialects_learn(tmp_path: Path) -> None:
    """
    Records that no dialect understood become calls by a rebuild, and the other way round.
    """
    path = tmp_path / "runs.db"
    records = [log(n, 7, scope=ECHOES, event_name="new.call") for n in range(2)]
    with open_database(path) as database:
        Ingestor(database, reader=Dialects([*built_in()]), pricer=PRICER).apply(records)
        assert counted(path) == []
        rebuild(database, reader=READER, pricer=PRICER)
        assert counted(path) == [7, 7]
        rebuild(database, reader=Dialects([*built_in()]), pricer=PRICER)
        assert counted(path) == []
    assert rows(path, "SELECT count(*) FROM logs") == [(2,)]


def test_what_is_sent_on_is_the_record_and_not_its_span(tmp_path: Path) -> None:
    """
    An export of a run holds the log records that its calls were told by, and no made-up span.
    """
    path, out = tmp_path / "runs.db", tmp_path / "out.jsonl"
    told = [log(n, n, attributes={"gen_ai.conversation.id": "s"}) for n in (1, 2)]
    other = log(3, 3, attributes={"gen_ai.conversation.id": "other"})
    store(path, [[*told, other]])
    ((run_id,),) = rows(path, "SELECT run_id FROM runs WHERE session_id = 's'")
    assert run_with(["export", "--db", str(path), "--run", run_id, str(out)]) == 0
    files = list(read_telemetry([out]))
    assert [s for file in files for s in file.spans] == []
    assert [r for file in files for r in file.logs] == told


def test_erasing_a_session_erases_its_records(tmp_path: Path) -> None:
    """
    With a run that log records told, they are gone, and a rebuild does not bring it back.
    """
    path = tmp_path / "runs.db"
    told = [
        log(n, n, attributes={"gen_ai.conversation.id": name})
        for n, name in enumerate(("gone", "gone", "kept"), 1)
    ]
    store(path, [told])
    with open_database(path) as database:
        erase(database, session_id="gone", reader=READER, pricer=PRICER)
        rebuild(database, reader=READER, pricer=PRICER)
    assert rows(path, "SELECT session_id, llm_calls FROM runs") == [("kept", 1)]
    assert rows(path, "SELECT count(*) FROM logs") == [(1,)]

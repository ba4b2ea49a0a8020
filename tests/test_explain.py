"""
`explain`: why a span is what it is and counted as it is, in storage and as it is typed.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import captures
import pytest
import run_store_data
import trees
from backends import Backend, ask, store
from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.explaining import SpanExplained
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.readings import LOG_TOLD, Reading
from otel_bridge_storage.records import (
    STATUS_ERROR,
    EventRecord,
    LinkRecord,
    LogRecord,
    ResourceRecord,
    ScopeRecord,
    SpanRecord,
)
from run_store_data import FlatPricer, PlainReader, call, run, span, tool

from otel_bridge.cli.main import run_with
from otel_bridge.dialects import Dialects
from otel_bridge.dialects.provenance import leaves
from otel_bridge.otlp import decode_traces

DOUBLE = "double_openinference_langgraph_openai"
HOSTILE = "\x1b[31mred\x1b]0;t\x07\r\n\u202e"
T0 = 1_775_000_000 * 10**9
TRACE = "5af7183fb1d4cf5f2a7f9d1e0c3b4a69"


@dataclass(frozen=True)
class Ended:
    """
    How a command line ended.
    """

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """
        What was printed, read as JSON.
        """
        return json.loads(self.out)


Explain = Callable[..., Ended]


@pytest.fixture
def explain(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Explain:
    """
    Runs `otel-bridge explain` in this process.
    """
    monkeypatch.delenv("OTEL_BRIDGE_DB", raising=False)
    monkeypatch.delenv("OTEL_BRIDGE_PRICES", raising=False)

    def typed(db: Path, *words: str, columns: int = 140) -> Ended:
        monkeypatch.setenv("COLUMNS", str(columns))
        capsys.readouterr()
        code = run_with(["explain", *words, "--db", str(db)])
        return Ended(code, *capsys.readouterr())

    return typed


def spans_of(name: str) -> Iterator[SpanRecord]:
    """
    Give the spans of a capture.
    """
    for file in captures.files(name, "traces", "pb"):
        yield from decode_traces(file.read_bytes()).records


def imported(name: str, folder: Path) -> Path:
    """
    Import a capture into a fresh database.
    """
    path = folder / f"{name}.db"
    kinds = [str(f) for kind in ("traces", "logs") for f in captures.files(name, kind, "pb")]
    assert run_with(["import", *kinds, "--db", str(path)]) == 0
    return path


def named(name: str, wanted: str) -> SpanRecord:
    """
    Give the first span of a name in a capture.
    """
    return next(each for each in spans_of(name) if each.name == wanted)


def stored(backend: Backend, *arrivals: Any) -> Callable[..., SpanExplained]:
    """
    Store spans that say plainly what they are; gives what explains one of them.
    """
    with open_database(backend.target) as database:
        Ingestor(database, reader=PlainReader(), pricer=FlatPricer()).apply(arrivals)

    def explained(span_id: str, **more: Any) -> Any:
        asked = span_id.ljust(16, "0")
        return ask(backend.target, lambda runs: runs.explain(asked, **more))

    return explained


def genai(number: int, parent: int | None, operation: str, **more: Any) -> SpanRecord:
    """
    Make a span by the GenAI conventions.
    """
    attributes = {
        "gen_ai.operation.name": operation,
        **{key.replace("__", "."): value for key, value in more.items()},
    }
    return SpanRecord(
        trace_id=TRACE,
        span_id=f"{number:016x}",
        parent_span_id=None if parent is None else f"{parent:016x}",
        name=f"{operation} {number}",
        start_ns=T0 + number * 10**6,
        end_ns=T0 + (50 - number) * 10**6,
        attributes=attributes,
        scope=ScopeRecord("shop"),
        resource=ResourceRecord({"service.name": "shop"}),
    )


def written(folder: Path, *arrivals: Any) -> Path:
    """
    Store spans as they are imported.
    """
    path = folder / "made.db"
    store(str(path), [arrivals])
    return path


# Storage


def test_a_copy_and_its_call_name_each_other(backend: Backend) -> None:
    """
    Of two spans of one response the one that is not counted names the counted one, which
    names it, and the call is where the copy is though its own span is alone.
    """
    spans = list(spans_of(DOUBLE))
    store(backend.target, [spans])

    def explained(span_id: str) -> SpanExplained:
        found: Any = ask(backend.target, lambda runs: runs.explain(span_id))
        return found  # type: ignore[no-any-return]

    for copy in (each for each in spans if each.name == "ChatOpenAI"):
        told = explained(copy.span_id)
        assert told.call is not None
        assert told.span == copy
        assert not told.call.counted
        assert told.call.because
        (counted,) = told.counted
        assert counted.counted
        assert counted.relation == "same response id"
        other = explained(counted.span_id)
        assert other.call is not None
        assert [each.span_id for each in other.copies] == [copy.span_id]
        assert other.counted == other.sums == ()
        assert other.call.because is None
        home = next(each for each in other.bound if each.what == "run")
        assert (home.how, home.span_id) == ("copy", copy.span_id)
        assert home.value == other.call.columns["run_id"] == told.call.columns["run_id"]


def test_a_call_of_another_run_with_the_same_own_id_is_no_copy(backend: Backend) -> None:
    """
    A runtime that numbers its calls anew in each run has copies told apart by run.
    """
    own = {"otel_bridge.llm_call.id": "c1"}
    pieces = [trees.span(1, 1, **trees.agent("a"))]
    pieces += [trees.span(1, n, 1, **trees.chat(tokens=7, **own)) for n in (2, 3)]
    later = {"start_ns": trees.NOON + 3600 * 10**9}
    other = trees.span(2, 2, 1, **trees.chat(tokens=7, **own), **later)
    store(backend.target, [[*pieces, trees.span(2, 1, **trees.agent("a"), **later), other]])
    told: Any = ask(backend.target, lambda runs: runs.explain(other.span_id))
    assert told.call.counted
    assert told.copies == ()
    first: Any = ask(backend.target, lambda runs: runs.explain(pieces[1].span_id))
    assert [each.span_id for each in first.copies] == [pieces[2].span_id]


def test_a_sum_names_all_calls_inside_it(backend: Backend) -> None:
    """
    A span that sums up calls names each of them, even if it bears the id of one, and each
    names it.
    """
    whole = call("50", 0, 9, model="m", input_tokens=30, response_id="r")
    explained = stored(
        backend,
        replace(whole, scope=ScopeRecord("framework")),
        call("51", 1, 2, parent="50", model="m", input_tokens=10),
        call("52", 3, 4, parent="50", model="m", input_tokens=20, response_id="r"),
    )
    told = explained("50")
    assert told.call is not None
    assert not told.call.counted
    assert [each.name for each in told.counted] == ["51", "52"]
    assert [each.relation for each in told.counted] == [
        "being inside it",
        "same response id, being inside it",
    ]
    assert [each.name for each in explained("51").sums] == ["50"]
    assert explained("51").copies == ()


def test_a_copy_of_a_tool_call_names_the_counted_one(backend: Backend) -> None:
    """
    Executions of tools that two spans show are explained as calls are.
    """
    explained = stored(
        backend,
        tool("70", 0, 9, tool_name="search", tool_call_id="t", arguments='{"q":1}'),
        tool("71", 1, 8, parent="70", tool_name="search", tool_call_id="t", result="x"),
    )
    counted, copy = explained("70"), explained("71")
    assert [each.name for each in copy.counted] == ["70"]
    assert [each.name for each in counted.copies] == ["71"]
    assert counted.call is not None
    assert counted.call.columns["arguments"] == '{"q":1}'
    assert counted.call.columns["result"] == "x"


def test_one_id_for_ever_connects_no_strangers(backend: Backend) -> None:
    """
    Calls with one response id at different times are explained each by itself.
    """
    explained = stored(
        backend,
        *(call(f"{n:02}c", n * 10, n * 10 + 1, model="m", response_id="r") for n in range(20)),
    )
    told = explained("05c")
    assert told.call is not None
    assert told.call.counted
    assert (told.copies, told.sums, told.counted) == ((), (), ())


def test_a_copy_is_found_among_many_of_one_id(backend: Backend) -> None:
    """
    Where hundreds of calls have one response id, the copy of the last is found too.
    """
    many = [call(f"{n:03}c", n * 10, n * 10 + 1, model="m", response_id="r") for n in range(450)]
    copy = call("fff", 4490, 4491, trace="b", model="m", response_id="r", precedence=2)
    explained = stored(backend, *many, replace(copy, scope=ScopeRecord("another")))
    assert [each.name for each in explained("fff").counted] == ["449c"]
    assert [each.name for each in explained("449c").copies] == ["fff"]
    assert explained("448c").copies == ()


class EchoReader(PlainReader):
    """
    Reads an echo too.
    """

    def read_span(self, span: SpanRecord) -> Reading:
        """
        Take the attribute `echo` as the call's.
        """
        reading = super().read_span(span)
        assert reading.call is not None
        echo = span.attributes.get("echo")
        return replace(reading, call=replace(reading.call, echo=echo))


def test_log_records_are_paired_with_spans_in_order(tmp_path: Path) -> None:
    """
    Of spans and log records that say the same, each names its own, not all.
    """
    path = str(tmp_path / "echo.db")
    told = {"model": "m", "echo": "e", "input_tokens": 3}
    spans = [call(f"6{n}", n * 10, n * 10 + 5, **told) for n in range(3)]
    logged = [call(f"7{n}", n * 10 + 1, n * 10 + 2, precedence=LOG_TOLD, **told) for n in range(2)]
    with open_database(path) as database:
        Ingestor(database, reader=EchoReader(), pricer=FlatPricer()).apply([*logged, *spans])

    def asked(span_id: str) -> Any:
        return ask(path, lambda runs: runs.explain(span_id))

    for each in range(2):
        copy = asked(f"7{each}")
        assert [one.name for one in copy.counted] == [f"6{each}"]
        assert copy.counted[0].relation == "same words in a log record"
    alone = asked("62")
    assert alone.call.counted
    assert alone.copies == ()


def test_where_run_session_and_user_come_from(backend: Backend) -> None:
    """
    What a span is in is named with the nearest span that says it, and how far that is.
    """
    explained = stored(
        backend,
        run("10", "run-1", 0, 9, session_id="s-1"),
        span("11", 1, 8, parent="10", user_id="u-1"),
        call("12", 2, 3, parent="11", model="m"),
        call("13", 4, 5, parent="11", model="m", session_id="s-2"),
    )
    through = {
        each.what: (each.value, each.how, each.span_name, each.steps)
        for each in explained("12").bound
    }
    assert through == {
        "run": ("run-1", "above", "10", 2),
        "session": ("s-1", "above", "10", 2),
        "user": ("u-1", "above", "11", 1),
    }
    own = {each.what: each.how for each in explained("13").bound}
    assert own == {"run": "above", "session": "own", "user": "above"}
    assert {each.what: each.how for each in explained("10").bound}["run"] == "own"


def test_a_link_and_a_lost_parent_are_told(backend: Backend) -> None:
    """
    What came by a link says so, and a parent that is not there is not passed over.
    """
    linked = replace(
        call("22", 5, 6, trace="b", model="m"), links=(LinkRecord("a" * 32, "21".ljust(16, "0")),)
    )
    explained = stored(
        backend,
        run("20", "run-2", 0, 9),
        span("21", 1, 8, parent="20"),
        linked,
        call("23", 2, 3, trace="c", parent="2f", model="m"),
    )
    told = explained("22")
    assert (told.bound[0].value, told.bound[0].how, told.bound[0].steps) == ("run-2", "link", 2)
    assert not told.parent_lost
    alone = explained("23")
    assert alone.parent_lost
    assert (alone.bound[0].how, alone.bound[0].value) == ("trace", alone.span.trace_id)


def test_a_session_that_the_run_above_names_is_told(backend: Backend) -> None:
    """
    A run takes over the session of the run that started it, and that is said.
    """
    explained = stored(
        backend,
        run("30", "above", 0, 9, session_id="s-9"),
        run("31", "below", 1, 8, trace="b", parent_run_id="above"),
    )
    session = next(each for each in explained("31").bound if each.what == "session")
    assert (session.value, session.how) == ("s-9", "run above")
    assert session.span_id == "30".ljust(16, "0")


def test_a_run_adds_up_its_calls_and_those_below(backend: Backend) -> None:
    """
    The totals of a run's span are those of its own calls, and those with all runs below.
    """
    explained = stored(
        backend,
        run("40", "top", 0, 9),
        call("41", 1, 2, parent="40", model="m", input_tokens=5, output_tokens=1),
        run("42", "sub", 3, 8, parent="40"),
        call("43", 4, 5, parent="42", model="m", input_tokens=7),
    )
    totals = explained("40").totals
    assert totals is not None
    assert (totals.calls, totals.family_calls, totals.runs_below) == (1, 2, 1)
    assert (totals.own["input_tokens"], totals.family["input_tokens"]) == (5, 12)
    assert totals.own["cache_read_tokens"] is None
    assert explained("41").totals is None


def test_ids_are_found_by_their_beginning(backend: Backend) -> None:
    """
    The beginning of an id is enough where it is of one span only, or of one in a trace.
    """
    same = [call("ab", 0, 1, trace=trace, model="m") for trace in "cd"]
    stored(backend, *same, call("abc", 2, 3, model="m"))

    def asked(*words: Any, **more: Any) -> Any:
        return ask(backend.target, lambda runs: runs.explain(*words, **more))

    assert asked("ABC").span.name == "abc"
    assert asked("ab00", trace_id="d").span == same[1]
    assert asked("abd") is None
    assert asked("") is None
    assert asked("ab", trace_id="e") is None
    with pytest.raises(QueryError, match=r"several spans: ab.* of trace c.*, ab.* of trace d"):
        asked("ab")
    with pytest.raises(QueryError, match="span_id"):
        asked(7)


# What is typed


@pytest.mark.parametrize("name", ["openinference_openai", DOUBLE, "ms_agent_framework"])
def test_every_field_is_shown_with_its_source(name: str, tmp_path: Path, explain: Explain) -> None:
    """
    All that was read of each span of real telemetry is in the table and in the JSON.
    """
    db, reader = imported(name, tmp_path), Dialects()
    for each in spans_of(name):
        ended = explain(db, each.span_id, "--format", "json")
        assert (ended.code, ended.err) == (0, "")
        listed = {field["field"]: field for field in ended.json["fields"]}
        read = {p: v for p, v in leaves(reader.read_span(each)) if v not in (None, False, (), {})}
        assert read.keys() <= listed.keys()
        table = explain(db, each.span_id, columns=200).out
        for path, value in read.items():
            if isinstance(value, int) and "tokens" in path:
                assert listed[path]["value"] == value
                assert f"\n{path.rpartition('.')[2]} " in table
                (source,) = listed[path]["from"]
                assert each.attributes[source] == value
                assert source in table
        names = {source for field in listed.values() for source in field["from"]}
        kept = set(ended.json["unused"])
        compared = {row["from"] for row in ended.json["check"]}
        decided = {*ended.json["dialect_by"], *ended.json["role_by"]}
        assert not kept & (names | decided | compared)
        assert each.attributes.keys() <= kept | names | decided | compared


def test_a_copy_is_shown_with_the_rule_and_the_counted_span(
    tmp_path: Path, explain: Explain
) -> None:
    """
    The first line names the rule, and a table the span that is counted instead.
    """
    db, copy = imported(DOUBLE, tmp_path), named(DOUBLE, "ChatOpenAI")
    said = explain(db, copy.span_id, "--format", "json").json
    assert said["counted"] is False
    (counted,) = said["counted_instead"]
    table = explain(db, copy.span_id[:6]).out
    assert f"not counted: {said['not_counted_because']}" in table.splitlines()[0]
    assert "counted instead:" in table
    assert counted["span_id"] in table
    assert "same response id" in table
    assert said["price"] is None
    assert "role     llm, told by openinference.span.kind" in table


def test_what_is_taken_from_a_copy_names_it(tmp_path: Path, explain: Explain) -> None:
    """
    A field that the counted span does not tell is listed with the copy it is from.
    """
    outer = genai(
        1, None, "chat", gen_ai__request__model="gpt-4o", gen_ai__provider__name="openai"
    )
    inner = genai(
        2, 1, "chat", gen_ai__usage__input_tokens=12, gen_ai__usage__output_tokens=3,
        gen_ai__request__model="gpt-4o",
    )  # fmt: skip
    db = written(tmp_path, outer, inner)
    said = explain(db, outer.span_id, "--format", "json").json
    fields = {field["field"]: field for field in said["fields"]}
    assert said["counted"] is True
    assert fields["call.usage.input_tokens"]["value"] == 12
    assert fields["call.usage.input_tokens"]["from"] == [f"copy {inner.span_id}"]
    assert fields["call.request_model"]["from"] == ["gen_ai.request.model"]
    assert "the same call, not counted again:" in explain(db, outer.span_id).out


def test_the_sums_of_an_agent_are_checked(tmp_path: Path, explain: Explain) -> None:
    """
    Sums on an agent's span are set beside those of its calls: they agree, or differ.
    """
    db = imported("ms_agent_framework", tmp_path)
    agent = named("ms_agent_framework", "invoke_agent travel_agent")
    check = explain(db, agent.span_id, "--format", "json").json["check"]
    assert {row["field"]: row["verdict"] for row in check} == dict.fromkeys(
        ("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens"), "agrees"
    )
    assert check[0] == {
        "field": "input_tokens",
        "told": 340,
        "calls": 340,
        "with_runs_below": 340,
        "verdict": "agrees",
        "from": "gen_ai.usage.input_tokens",
    }
    wrong = replace(
        agent,
        trace_id=TRACE,
        attributes={**agent.attributes, "gen_ai.usage.input_tokens": 341},
    )
    usage = {"gen_ai__usage__input_tokens": 340, "gen_ai__usage__output_tokens": 60}
    inside = replace(genai(9, 1, "chat", **usage), parent_span_id=wrong.span_id)
    made = written(tmp_path, wrong, inside)
    check = explain(made, wrong.span_id, "--format", "json").json["check"]
    assert [row["verdict"] for row in check] == [
        "differs",
        "agrees",
        "no call tells",
        "no call tells",
    ]
    assert "differs" in explain(made, wrong.span_id, columns=80).out


def test_the_price_is_shown_part_by_part(tmp_path: Path, explain: Explain) -> None:
    """
    The parts of a price add up to the stored cost, and the claimed cost stands beside it.
    """
    one = genai(
        1, None, "chat", gen_ai__provider__name="anthropic",
        gen_ai__response__model="claude-sonnet-4-5", gen_ai__usage__input_tokens=1000,
        gen_ai__usage__output_tokens=100, gen_ai__usage__cache_read__input_tokens=300,
        gen_ai__usage__cache_creation__input_tokens=200, gen_ai__usage__cost=0.5,
    )  # fmt: skip
    unknown = genai(
        2, None, "chat", gen_ai__response__model="no-such-model", gen_ai__usage__input_tokens=1,
        gen_ai__usage__output_tokens=1,
    )  # fmt: skip
    db = written(tmp_path, one, unknown)
    price = explain(db, one.span_id, "--format", "json").json["price"]
    assert [part["tokens"] for part in price["parts"]] == [500, 300, 200, 100]
    parts = sum(part["cost_usd"] for part in price["parts"])
    assert parts == pytest.approx(price["cost_usd"], abs=1e-12)
    assert price["cost_now_usd"] == price["cost_usd"]
    assert price["difference_usd"] == pytest.approx(0.5 - price["cost_usd"])
    table = explain(db, one.span_id).out
    assert "the telemetry claims $0.500000, $" in table
    assert "cache read" in table
    table = explain(db, unknown.span_id).out
    assert "\nunpriced: no price for the model no-such-model" in table


def test_messages_from_log_records_name_them(tmp_path: Path, explain: Explain) -> None:
    """
    Content that logs carry beside the span is listed with the records it is from.
    """
    name = "otel_openai_v2_default"
    db = imported(name, tmp_path)
    first = min(spans_of(name), key=lambda each: each.start_ns)
    fields = {
        field["field"]: field
        for field in explain(db, first.span_id, "--format", "json").json["fields"]
    }
    assert fields["call.input"]["from"] == [
        "log record gen_ai.system.message",
        "log record gen_ai.user.message",
    ]
    assert [message["role"] for message in fields["call.input"]["value"]] == ["system", "user"]
    assert fields["call.output"]["from"] == ["log record gen_ai.choice"]


def test_a_log_record_of_the_whole_call_stands_for_all(tmp_path: Path, explain: Explain) -> None:
    """
    Where one record carries all messages of a call, those of single messages are not named.
    """
    one = genai(1, None, "chat", gen_ai__request__model="gpt-4o")
    place: dict[str, Any] = {"trace_id": one.trace_id, "span_id": one.span_id, "time_ns": T0}
    asked = [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]
    whole = LogRecord(
        event_name="gen_ai.client.inference.operation.details",
        attributes={"gen_ai.input.messages": json.dumps(asked)},
        **place,
    )
    single = LogRecord(event_name="gen_ai.user.message", body={"content": "hi"}, **place)
    db = written(tmp_path, one, whole, single)
    fields = explain(db, one.span_id, "--format", "json").json["fields"]
    assert [field["from"] for field in fields if field["field"] == "call.input"] == [
        ["log record gen_ai.client.inference.operation.details"]
    ]


def test_a_call_that_a_log_record_told_says_so(tmp_path: Path, explain: Explain) -> None:
    """
    The span that stands for a log record is explained as one, with the record's name.
    """
    record = LogRecord(
        trace_id=TRACE,
        time_ns=T0,
        event_name="gen_ai.client.inference.operation.details",
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 5,
        },
    )
    db = written(tmp_path, record)
    ended = explain(db, _only_call(db), "--format", "json").json
    assert ended["told_by"] == "log record"
    assert ended["counted"] is True
    assert "told by  a log record (gen_ai.client.inference" in explain(db, ended["span_id"]).out


def test_a_span_that_is_no_call_is_explained(tmp_path: Path, explain: Explain) -> None:
    """
    What no dialect knows has no role and no count, and all its attributes are kept.
    """
    plain = replace(
        genai(1, None, "x"), name="GET /", attributes={"http.method": "GET", "user.id": "u"},
        status_code=STATUS_ERROR, status_message="boom",
    )  # fmt: skip
    db = written(tmp_path, plain)
    said = explain(db, plain.span_id, "--format", "json").json
    assert (said["dialect"], said["role"], said["counted"]) == ("", "other", None)
    assert said["unused"] == ["http.method"]
    fields = {field["field"]: field["from"] for field in said["fields"]}
    assert fields["user_id"] == ["user.id"]
    assert fields["error_message"] == ["status message"]
    assert "no call and no run" in explain(db, plain.span_id).out.splitlines()[0]


def test_a_role_of_an_earlier_version_is_told(tmp_path: Path, explain: Explain) -> None:
    """
    Where the database says otherwise than the dialects of now, that is said.
    """
    db = run_store_data.write(tmp_path / "old.db", call("90", 0, 1, model="m"))
    told = explain(db, "90").out
    assert "as llm, by an earlier version: `otel-bridge rebuild`" in told


def test_wrong_ids_are_one_line(tmp_path: Path, explain: Explain) -> None:
    """
    An id that is none, or could be several, is refused in one line with what to do.
    """
    db = written(tmp_path, genai(0x11, None, "chat"), genai(0x12, None, "chat"))
    for words, told in (
        (["zz"], "no span's id is or begins with 'zz'"),
        ([""], "no span's id is or begins with ''"),
        (["00000000000000"], "could be any of several spans"),
        (["0", "--trace", "ff"], "in a trace whose id begins with 'ff'"),
        (["%"], "no span's id"),
    ):
        ended = explain(db, *words)
        assert (ended.code, ended.out) == (1, "")
        assert told in ended.err
        assert ended.err.startswith("otel-bridge: ")
        assert ended.err.count("\n") == 1
    assert explain(tmp_path / "none.db", "11").code == 1


@pytest.mark.parametrize("columns", [40, 80, 140])
def test_hostile_contents_are_escaped_and_fit(
    columns: int, tmp_path: Path, explain: Explain
) -> None:
    """
    Names and values of telemetry cannot move the cursor, in no form.
    """
    bad = replace(
        genai(1, None, "chat", gen_ai__request__model=HOSTILE, gen_ai__agent__name=HOSTILE),
        name=HOSTILE,
        scope=ScopeRecord(HOSTILE),
        resource=ResourceRecord({"service.name": HOSTILE}),
    )
    bad = replace(
        bad,
        attributes={**bad.attributes, HOSTILE: 1, "session.id": HOSTILE},
        events=(EventRecord("otel_bridge.custom.fact", T0, {HOSTILE: 1}),),
    )
    twin = replace(bad, span_id="2" * 16, parent_span_id=bad.span_id)
    db = written(tmp_path, bad, twin)
    for each in (bad, twin):
        for form in ("table", "json", "csv", "md"):
            ended = explain(db, each.span_id, "--format", form, columns=columns)
            assert ended.code == 0
            for text in (ended.out, ended.err):
                assert not set(text) & set("\x1b\x07\r\u202e")


def test_other_forms_hold_the_same(tmp_path: Path, explain: Explain) -> None:
    """
    CSV and Markdown list fields, what is unused, the price and the check as rows.
    """
    name = "openinference_openai"
    db, first = imported(name, tmp_path), next(iter(spans_of(name)))
    said = explain(db, first.span_id, "--format", "json").json
    rows = list(csv.DictReader(io.StringIO(explain(db, first.span_id, "--format", "csv").out)))
    fields = {row["name"]: row for row in rows if row["part"] == "field"}
    assert list(fields) == [field["field"] for field in said["fields"]]
    assert json.loads(fields["call.provider"]["from"]) == ["llm.system"]
    assert [row["name"] for row in rows if row["part"] == "unused"] == said["unused"]
    assert {row["part"] for row in rows} >= {"span", "counted", "field", "price"}
    md = explain(db, first.span_id, "--format", "md").out
    assert "| field | call.provider | openai | llm.system |" in md


def _only_call(db: Path) -> str:
    return str(ask(str(db), _first_call).span_id)


async def _first_call(runs: Any) -> Any:
    (found,) = await runs.list_runs()
    (only,) = await runs.get_llm_calls(found.run_id)
    return only

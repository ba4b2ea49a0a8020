"""
`export` writes what a database holds so that `import` gives it back, also of a damaged one.
"""

import gzip
import json
import random
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from captures import names
from damage import (
    DAMAGES,
    PAGE,
    READER,
    capture,
    large,
    many_spans,
    open_with_live_facts,
    pages_of,
    spoil_page,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_storage.errors import OtelBridgeError
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.live_facts import event_of
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.readings import FactReading
from otel_bridge_storage.records import (
    EntityRecord,
    EventRecord,
    LinkRecord,
    LogRecord,
    ResourceRecord,
    ScopeRecord,
    SpanRecord,
)
from otel_bridge_storage.selection import Selection
from otel_bridge_storage.span_rows import Key
from otel_bridge_storage.stored_telemetry import LOST_TEXT, StoredTelemetry
from otel_bridge_storage.tolerant_reading import tolerant_reading
from otel_bridge_storage.versions import SCHEMA_VERSION
from stored import PRICER, picture, rows, store
from trees import NOON, agent, chat, span

from otel_bridge.cli.main import run_with
from otel_bridge.otlp import read_telemetry
from otel_bridge.otlp.outputs import Output
from otel_bridge.otlp.write import FileFormat

OUTPUTS = ("out.jsonl", "out.pb", "out.jsonl.gz", "out.pb.gz")


def exported(path: Path, *words: str, name: str = "out.jsonl") -> list[SpanRecord]:
    """
    Export and read the spans that were written.
    """
    out = path.parent / name
    assert run_with(["export", str(out), "--db", str(path), *words]) in (0, 1)
    (contents,) = read_telemetry([out])
    assert contents.rejected == []
    return contents.spans


def assert_same_after_import(path: Path, out: Path) -> None:
    """
    Export, import into a new database, and compare all that is derived.
    """
    again = path.with_name("again.db")
    assert run_with(["export", str(out), "--db", str(path)]) == 0
    assert run_with(["import", str(out), "--db", str(again)]) == 0
    assert picture(again) == picture(path)


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("out", OUTPUTS[:2])
def test_import_gives_back_what_was_exported(tmp_path: Path, name: str, out: str) -> None:
    """
    Each capture makes the same picture after an export and an import, in both forms.
    """
    store(tmp_path / "runs.db", [capture(name)])
    assert_same_after_import(tmp_path / "runs.db", tmp_path / out)


@pytest.mark.parametrize("out", OUTPUTS)
def test_open_spans_and_their_facts_are_exported(tmp_path: Path, out: str) -> None:
    """
    Of a run that never ended, the facts that only the run log has come back as they were.
    """
    path = tmp_path / "runs.db"
    store(path, open_with_live_facts())
    assert_same_after_import(path, tmp_path / out)
    facts = "SELECT fact_key, kind, time_ns, iteration FROM run_log ORDER BY time_ns, kind"
    assert rows(path.with_name("again.db"), facts) == rows(path, facts)
    assert len(rows(path, facts)) == 7


def test_facts_keep_their_data(tmp_path: Path) -> None:
    """
    What a fact says is the same data after an export and an import, long texts included.
    """
    path = tmp_path / "runs.db"
    store(path, open_with_live_facts())
    assert_same_after_import(path, tmp_path / "out.jsonl")
    asked = ["run", "open-run", "--events", "--format", "json", "--db"]
    data = "SELECT kind, data FROM run_log WHERE data NOT LIKE '%$text%' ORDER BY seq"
    assert rows(path.with_name("again.db"), data) == rows(path, data)
    assert run_with([*asked, str(path)]) == 0


_json = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**53), 2**53), st.text('a[{"1', max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("ab$", max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.sampled_from(["run.paused", "step.user", "compaction.applied", "noted", "otel_bridge.x"]),
    st.dictionaries(st.sampled_from(["reason", "content", "other", "step_id"]), _json, max_size=3),
    st.one_of(st.none(), st.integers(0, 9)),
)
@settings(deadline=None)
def test_any_fact_can_be_an_event(kind: str, data: dict[str, object], turn: int | None) -> None:
    """
    An event that is made of a fact is read as the same fact.
    """
    fact = FactReading(key="k", kind=kind, time_ns=NOON, iteration=turn, data=data)
    assert READER.read_event(event_of(fact, READER)) == fact


def full() -> tuple[SpanRecord, LogRecord]:
    """
    Make a span and a log record with something in every field.
    """
    values = {"t": "é" * 300, "b": True, "i": -(2**63), "d": 0.5, "n": None, "y": b"\x00\xff"}
    nested = {**values, "l": [1, [2.0, {"k": b""}], "x"], "m": {"$text": 1, "e": {}}, "e": []}
    resource = ResourceRecord(nested, 1, "https://r", (EntityRecord("host", ("a",), ("b",), "u"),))
    scope = ScopeRecord("scope", "1", nested, 2, "https://s")
    told = SpanRecord(
        trace_id="1" * 32,
        span_id="2" * 16,
        parent_span_id="3" * 16,
        trace_state="a=b",
        flags=0x301,
        name="näme",
        kind=3,
        start_ns=NOON,
        end_ns=NOON + 1,
        attributes=nested,
        dropped_attributes=1,
        events=(EventRecord("e", NOON, nested, 2), EventRecord("", 0)),
        dropped_events=3,
        links=(LinkRecord("4" * 32, "5" * 16, "c=d", nested, 1, 0x100),),
        dropped_links=4,
        status_code=2,
        status_message="broken",
        resource=resource,
        scope=scope,
    )
    log = LogRecord(
        trace_id="1" * 32,
        span_id="2" * 16,
        time_ns=NOON,
        observed_ns=NOON + 1,
        severity_number=9,
        severity_text="INFO",
        event_name="happened",
        body=nested,
        attributes=nested,
        dropped_attributes=5,
        flags=1,
        resource=resource,
        scope=scope,
    )
    return told, log


@pytest.mark.parametrize("out", OUTPUTS)
def test_every_field_is_exported(tmp_path: Path, out: str) -> None:
    """
    A span and a log record with something in every field come back equal, types included.
    """
    told, log = full()
    store(tmp_path / "runs.db", [[told, log]])
    assert run_with(["export", str(tmp_path / out), "--db", str(tmp_path / "runs.db")]) == 0
    (contents,) = read_telemetry([tmp_path / out])
    (found,) = contents.spans
    assert replace(found, events=tuple(found.events), links=tuple(found.links)) == told
    assert repr(found.attributes) == repr(told.attributes)
    assert contents.logs == [log]


def test_numbers_that_are_not_finite_are_exported(tmp_path: Path) -> None:
    """
    JSON has a way to write them too.
    """
    values = {"a": float("inf"), "b": float("-inf"), "c": float("nan")}
    path = tmp_path / "runs.db"
    store(path, [[span(1, 1, name="x", attributes=values)]])
    assert repr(exported(path)[0].attributes) == repr(values)


def test_older_schemas_are_exported(tmp_path: Path) -> None:
    """
    A database of the first schema is read as it is.
    """
    old = Path(__file__).parent / "data" / "databases" / "schema-1.db.gz"
    path = tmp_path / "runs.db"
    path.write_bytes(gzip.decompress(old.read_bytes()))
    before = path.read_bytes()
    assert len(exported(path)) == 23
    assert path.read_bytes() == before


def test_newer_schemas_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    What this version does not know it does not guess at.
    """
    path = tmp_path / "runs.db"
    store(path, [[span(1, 1)]])
    with open_database(path) as database, database.transaction() as connection:
        connection.exec_driver_sql(f"UPDATE schema_info SET version = {SCHEMA_VERSION + 1}")
    assert run_with(["export", str(tmp_path / "out.jsonl"), "--db", str(path)]) == 1
    assert "pip install --upgrade" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


@pytest.fixture
def family(tmp_path: Path) -> Path:
    """
    A run that starts another, and a third one an hour later in a session.
    """
    path = tmp_path / "runs.db"
    hour = NOON + 3600 * 10**9
    named = {name: {"otel_bridge.run.id": name} for name in ("outer", "inner")}
    later = {"otel_bridge.run.id": "later", "gen_ai.conversation.id": "s-1"}
    made = [
        span(1, 1, **agent("a", **named["outer"])),
        span(1, 2, 1, **agent("b", **named["inner"])),
        span(1, 3, 2, **chat("r1")),
        span(2, 1, start_ns=hour, **agent("c", **later)),
        span(2, 2, 1, start_ns=hour, **chat("r2")),
    ]
    logs = [
        LogRecord(trace_id=each.trace_id, span_id=each.span_id, time_ns=each.start_ns)
        for each in made
    ]
    store(path, [made, logs])
    return path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), {(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)}),
        (("--run", "outer"), {(1, 1), (1, 2), (1, 3)}),
        (("--run", "inn", "--run", "later"), {(1, 2), (1, 3), (2, 1), (2, 2)}),
        (("--session", "s-1"), {(2, 1), (2, 2)}),
        (("--since", "2026-11-21T13:00:00Z"), {(2, 1), (2, 2)}),
        (("--until", "2026-11-21T13:00:00Z"), {(1, 1), (1, 2), (1, 3)}),
    ],
    ids=["all", "run", "runs", "session", "since", "until"],
)
def test_a_part_can_be_chosen(
    family: Path, words: Sequence[str], expected: set[tuple[int, int]]
) -> None:
    """
    Runs come with those they started, and log records with their spans.
    """
    out = family.with_name("out.jsonl")
    assert run_with(["export", str(out), "--db", str(family), *words]) == 0
    (contents,) = read_telemetry([out])
    keys = {(f"{t:032x}", f"{t:04x}{n:012x}") for t, n in expected}
    assert {each.key for each in contents.spans} == keys
    assert {(log.trace_id, log.span_id) for log in contents.logs} == keys


def test_logs_can_be_left_out(family: Path) -> None:
    """
    With `--no-logs` only spans are written.
    """
    out = family.with_name("out.jsonl")
    assert run_with(["export", str(out), "--db", str(family), "--no-logs"]) == 0
    assert "resourceLogs" not in out.read_text("utf-8")


def test_a_run_that_is_not_there_is_wrong_usage(family: Path) -> None:
    """
    Nothing is written for it.
    """
    out = family.with_name("out.jsonl")
    assert run_with(["export", str(out), "--db", str(family), "--run", "nobody"]) == 2
    assert not out.exists()


def test_the_database_is_not_written_over(family: Path) -> None:
    """
    The output may not be the database.
    """
    before = family.read_bytes()
    assert run_with(["export", str(family), "--db", str(family)]) == 2
    assert family.read_bytes() == before


def test_standard_output_gets_requests_and_nothing_else(
    family: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """
    Each line is a request; what is said to people goes to standard error.
    """
    assert run_with(["export", "-", "--db", str(family)]) == 0
    said = capsysbinary.readouterr()
    assert [[*json.loads(line)] for line in said.out.splitlines()] == [
        ["resourceSpans"],
        ["resourceLogs"],
    ]
    assert said.err.startswith(b"wrote 5 spans and 5 log records to standard output")


def test_a_folder_gets_files_of_bounded_size(tmp_path: Path) -> None:
    """
    No file of a folder goes on beyond its size, and together they hold everything.
    """
    made = many_spans()
    with Output(tmp_path, FileFormat.PROTO, part_bytes=20_000) as output:
        for at in range(0, len(made), 50):
            output.writer.write_spans(made[at : at + 50])
    found = [each for contents in read_telemetry([tmp_path]) for each in contents.spans]
    assert [each.key for each in found] == [each.key for each in made]
    assert len(list(tmp_path.iterdir())) > 2


def test_a_failed_export_leaves_the_earlier_file(tmp_path: Path) -> None:
    """
    A file is there as a whole or not at all.
    """
    out = tmp_path / "out.jsonl"
    out.write_text("earlier")
    with suppress(KeyboardInterrupt), Output(out, FileFormat.JSON) as output:
        output.writer.write_spans(many_spans()[:1])
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
    assert out.read_text() == "earlier"


def test_databases_in_memory_are_read_the_same_way() -> None:
    """
    What is not a file is read through the same reader.
    """
    made = many_spans()[:30]
    with open_database("memory://export") as database:
        Ingestor(database, reader=READER, pricer=PRICER).apply(made)
        with tolerant_reading("memory://export") as connection:
            stored = StoredTelemetry(connection, READER, Selection())
            found = [each for batch in stored.spans() for each in batch]
    assert {each.key: each for each in found} == {each.key: each for each in made}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A database of some hundred spans.
    """
    return large(tmp_path_factory.mktemp("original") / "runs.db")


def spans_by_key(path: Path) -> dict[Key, SpanRecord]:
    """
    Read the spans of a database that is whole.
    """
    with tolerant_reading(path) as connection:
        stored = StoredTelemetry(connection, READER, Selection())
        found = {each.key: each for batch in stored.spans() for each in batch}
        assert not stored.lost
    return found


def assert_is_part_of(found: Sequence[SpanRecord], all_spans: dict[Key, SpanRecord]) -> None:
    """
    Every span equals the original, but for texts, resources and scopes that were lost.
    """
    for each in found:
        before = all_spans[each.key]
        attributes = {
            name: before.attributes[name] if _is_lost(value) else value
            for name, value in each.attributes.items()
        }
        again = replace(
            each,
            attributes=attributes,
            events=tuple(each.events),
            links=tuple(each.links),
            resource=each.resource if each.resource.attributes else before.resource,
            scope=each.scope if each.scope.name else before.scope,
        )
        assert again == before


def _is_lost(value: object) -> bool:
    return isinstance(value, str) and LOST_TEXT in value


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", DAMAGES)
def test_of_a_damaged_file_what_can_be_read_is_exported(
    tmp_path: Path, original: Path, capsys: pytest.CaptureFixture[str], kind: str, seed: int
) -> None:
    """
    There is no traceback, the file stays as it is, and what is written was there before.
    """
    path = Path(shutil.copy(original, tmp_path / "runs.db"))
    data = bytearray(path.read_bytes())
    DAMAGES[kind](random.Random(seed), data)
    path.write_bytes(data)
    out = tmp_path / "out.pb"
    code = run_with(["export", str(out), "--db", str(path)])
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    assert path.read_bytes() == bytes(data)
    if out.exists() and out.stat().st_size:
        (contents,) = read_telemetry([out])
        if kind in ("random pages", "empty pages", "cut off"):
            assert_is_part_of(contents.spans, spans_by_key(original))
    assert code == 0 or said.err.count("\n") == 1


@pytest.mark.parametrize("filling", ["zeros", "noise"])
@pytest.mark.parametrize("table", ["spans", "messages", "run_log", "logs"])
def test_one_page_costs_only_what_was_on_it(
    tmp_path: Path, original: Path, table: str, filling: str
) -> None:
    """
    Of a table with one spoilt page, all rows on its other pages are exported.
    """
    path = Path(shutil.copy(original, tmp_path / "runs.db"))
    pages = pages_of(path, table)
    page = pages[len(pages) // 2]
    data = bytearray(path.read_bytes())
    on_it = int.from_bytes(data[(page - 1) * PAGE + 3 : (page - 1) * PAGE + 5], "big")
    noise = random.Random(1).randbytes(PAGE)
    spoil_page(data, page, bytes(PAGE) if filling == "zeros" else noise)
    path.write_bytes(data)
    everything = spans_by_key(original)
    with tolerant_reading(path) as connection:
        stored = StoredTelemetry(connection, READER, Selection())
        found = [each for batch in stored.spans() for each in batch]
        logs = sum(len(batch) for batch in stored.logs())
    lost = stored.lost[table]
    # Of the texts, those that no span or fact holds are not asked for.
    assert 0 < lost <= on_it if table == "messages" else lost == on_it
    assert len(found) == len(everything) - (on_it if table == "spans" else 0)
    assert logs == len(everything) - (on_it if table == "logs" else 0)
    assert_is_part_of(found, everything)


def test_the_command_says_what_was_lost(
    tmp_path: Path, original: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Exit code 1 with one line; what could be read is written all the same.
    """
    path = Path(shutil.copy(original, tmp_path / "runs.db"))
    data = bytearray(path.read_bytes())
    spoil_page(data, pages_of(path, "spans")[3], bytes(PAGE))
    path.write_bytes(data)
    assert run_with(["export", str(tmp_path / "out.pb"), "--db", str(path)]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("wrote 4")
    assert said.err.startswith("otel-bridge: could not be read: ")
    assert " spans; the database is damaged" in said.err
    assert run_with(["import", str(tmp_path / "out.pb"), "--db", str(tmp_path / "new.db")]) == 0
    assert run_with(["check", "--db", str(tmp_path / "new.db")]) == 0


def test_damaged_indexes_cost_nothing(tmp_path: Path, original: Path) -> None:
    """
    Nothing is looked up by an index, so that all of them may be gone.
    """
    path = Path(shutil.copy(original, tmp_path / "runs.db"))
    roots = rows(path, "SELECT rootpage FROM sqlite_master WHERE type = 'index' AND rootpage > 1")
    data = bytearray(path.read_bytes())
    for (root,) in roots:
        spoil_page(data, root, bytes(PAGE))
    path.write_bytes(data)
    with tolerant_reading(path) as connection:
        stored = StoredTelemetry(connection, READER, Selection())
        found = {each.key: each for batch in stored.spans() for each in batch}
    assert found == spans_by_key(original)
    assert not stored.lost


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """
    What has none of our tables is no damaged database of ours.
    """
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (id)")
    connection.close()
    with pytest.raises(OtelBridgeError, match="another program"), tolerant_reading(path):
        pass

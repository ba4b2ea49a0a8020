"""
Rebuilding: what is derived can be thrown away, or be wrong, and comes back as it was.
"""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import captures
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.rebuild import rebuild
from otel_bridge_storage.records import Arrival, SpanRecord
from stored import PRICER, READER, picture, rows, store
from trees import agent, chat, forests, span

from otel_bridge.otlp.files import read_telemetry

EXACT = ("run_log", "runs", "llm_calls", "tool_calls", "steps", "sessions", "run_labels", "spans")
DERIVED = ("llm_calls", "tool_calls", "steps", "run_labels", "sessions", "runs")


def dump(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """
    Give all rows of the tables, ids and sequence numbers included.
    """
    return {name: sorted(rows(path, f"SELECT * FROM {name}"), key=repr) for name in EXACT}


def made_anew(path: Path) -> int:
    """
    Rebuild a database; say how many spans were read.
    """
    with open_database(path) as database:
        return rebuild(database, reader=READER, pricer=PRICER).spans


def spoil(path: Path, chance: random.Random) -> None:
    """
    Make derived rows wrong, or leave them out.
    """
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in DERIVED:
            if chance.random() < 0.5:
                connection.execute(f"DELETE FROM {table}")
        connection.execute("UPDATE runs SET status = 'success', llm_calls = 77, session_id = 's9'")
        connection.execute("UPDATE llm_calls SET counted = 1, input_tokens = 5, run_id = 'other'")
        connection.execute(
            "UPDATE spans SET role = NULL, run_id = 'wrong', outer_call = 3, names = 2"
        )
        connection.execute(
            "INSERT INTO runs SELECT 'ghost', trace_id || 'x', span_id, agent_name, agent_id,"
            " status, session_id, user_id, tenant_id, parent_run_id, delegation_level, service,"
            " model, strategy, started_ns, ended_ns, updated_ns, input_message, answer_message,"
            " error_type, error_message, termination_reason, iteration_count, llm_calls,"
            " failed_llm_calls, tool_calls, failed_tool_calls, input_tokens, output_tokens,"
            " cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_picousd,"
            " unpriced_calls, tags, metadata, writer_id FROM runs LIMIT 1"
        )


@pytest.mark.parametrize("name", captures.names())
def test_a_capture_is_rebuilt_row_by_row(tmp_path: Path, name: str) -> None:
    """
    A rebuild of what a real instrumentation sent changes no row, nor any sequence number.
    """
    path = tmp_path / "runs.db"
    arrivals: list[list[Arrival]] = [
        [*file.spans, *file.logs]
        for file in read_telemetry(
            captures.files(name, "traces", "pb") + captures.files(name, "logs", "pb")
        )
    ]
    store(path, arrivals)
    before = dump(path)
    assert made_anew(path) == len(before["spans"])
    assert dump(path) == before


@given(spans=forests(), seed=st.integers(0, 2**32), size=st.integers(1, 6))
@settings(
    max_examples=60,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_forest_is_rebuilt(
    tmp_path_factory: pytest.TempPathFactory, spans: list[SpanRecord], seed: int, size: int
) -> None:
    """
    A rebuild changes nothing that is right, and makes right what was spoilt.
    """
    path = tmp_path_factory.mktemp("rebuilt") / "runs.db"
    chance = random.Random(seed)
    chance.shuffle(spans)
    store(path, [spans[i : i + size] for i in range(0, len(spans), size)])
    before, shown = dump(path), picture(path)
    made_anew(path)
    assert dump(path) == before
    spoil(path, chance)
    assert picture(path) != shown
    made_anew(path)
    assert picture(path) == shown


def test_a_rebuild_goes_trace_by_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    However few spans a transaction takes, calls with copies in other traces come out right.
    """
    path = tmp_path / "runs.db"
    spans = [
        *(span(t, 1, **agent(f"a{t}")) for t in range(1, 6)),
        *(span(t, 2, 1, **chat(f"r{t}")) for t in range(1, 6)),
    ]
    store(path, [spans])
    before = dump(path)
    monkeypatch.setattr("otel_bridge_storage.rebuild._SPANS_AT_ONCE", 1)
    assert made_anew(path) == len(spans)
    assert dump(path) == before


def test_a_rebuild_tells_how_far_it_is(tmp_path: Path) -> None:
    """
    Progress ends with all spans read.
    """
    path = tmp_path / "runs.db"
    store(path, [[span(1, 1, **agent("a")), span(2, 1, **agent("b"))]])
    told: list[tuple[int, int]] = []
    with open_database(path) as database:
        done = rebuild(
            database, reader=READER, pricer=PRICER, progress=lambda a, b: told.append((a, b))
        )
    assert (done.traces, done.spans, done.runs) == (2, 2, 2)
    assert told == [(2, 2)]

"""
The columnar cache: when it is made, what it costs others, and what is left of it.
"""

import itertools
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
import stored
import trees
from columnar_child import held, truth
from otel_bridge_queries import Queries
from otel_bridge_queries.cache_folder import columnar_folder
from otel_bridge_queries.columnar import ledger, upkeep
from otel_bridge_queries.relations import Relation
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.records import SpanRecord
from queries_data import Recorded

import otel_bridge

ROWS = 40


@pytest.fixture(autouse=True)
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Let files be of a few rows.
    """
    for name, value in (("ENOUGH_ROWS", 10), ("MANY_CHANGES", 4), ("SEGMENT_ROWS", 25)):
        monkeypatch.setattr(upkeep, name, value)


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    """
    Give a database with some calls.
    """
    made = Recorded(tmp_path / "runs.db")
    _add(made, ROWS)
    yield made
    made.close()


def _add(recorded: Recorded, count: int) -> None:
    with recorded:
        for _ in range(count):
            run_id = f"r{recorded.span()}"
            recorded.run(run_id, agent_name="a")
            recorded.llm_call(run_id, request_model="m", cost_picousd=3)


def _files(path: Path) -> set[str]:
    folder = columnar_folder(path)
    return {file.name for file in folder.iterdir()} if folder.exists() else set()


def _recent(queries: Queries) -> int:
    queries.cost()
    (count,) = queries._engine.execute("SELECT count(*) FROM loaded.llm_calls_recent").fetchone()  # type: ignore[misc]
    return int(count)


def test_a_small_database_gets_no_cache(tmp_path: Path) -> None:
    """
    What is copied as quickly as it is read needs no files, nor anything in the database.
    """
    recorded = Recorded(tmp_path / "small.db")
    _add(recorded, 5)
    recorded.close()
    with Queries(recorded.path) as queries:
        assert queries.cost().rows[0][0] == 5
    assert not columnar_folder(recorded.path).parent.exists()
    with closing(sqlite3.connect(recorded.path)) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'columnar%'")
        assert found.fetchall() == []


def test_later_readers_take_only_what_is_new(recorded: Recorded) -> None:
    """
    Rows that are in files are read from there, and files that are full stay as they are.
    """
    with Queries(recorded.path) as queries:
        assert _recent(queries) < upkeep.ENOUGH_ROWS
    first = _files(recorded.path)
    _add(recorded, 3)
    with Queries(recorded.path) as queries:
        assert _recent(queries) < upkeep.ENOUGH_ROWS
        assert queries.cost().rows[0][0] == ROWS + 3
    assert _files(recorded.path) == first
    _add(recorded, ROWS)
    with Queries(recorded.path) as queries:
        assert _recent(queries) < upkeep.ENOUGH_ROWS
        assert queries.cost().rows[0][0] == 2 * ROWS + 3
    grown = _files(recorded.path)
    assert len(grown) > len(first)
    assert first & grown


def test_the_way_into_the_cache_is_told(recorded: Recorded) -> None:
    """
    Progress names the relation and rises to its end, and nothing is told without work.
    """
    told: list[tuple[str, int, int]] = []
    with Queries(recorded.path, progress=lambda *step: told.append(step)) as queries:
        queries.cost()
        steps = list(told)
        queries.cost("model")
    assert {name for name, _, _ in steps} == {"llm_calls"}
    done = [done for _, done, _ in steps]
    assert done == sorted(done)
    assert len(done) > 1
    assert told == steps


def test_an_agents_process_makes_no_cache_unless_asked(recorded: Recorded) -> None:
    """
    A program that records into a database reads its files and writes none.
    """
    with open_database(recorded.path):
        with Queries(recorded.path) as queries:
            assert queries.cost().rows[0][0] == ROWS
        assert _files(recorded.path) == set()
        with Queries(recorded.path, cache=True) as queries:
            assert _recent(queries) < upkeep.ENOUGH_ROWS
        assert _files(recorded.path)
        with Queries(recorded.path) as queries:
            assert _recent(queries) < upkeep.ENOUGH_ROWS
    with Queries(recorded.path, cache=False) as queries:
        assert _recent(queries) < upkeep.ENOUGH_ROWS


def test_reports_are_right_where_no_cache_can_be_made(
    recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Where its folder cannot be made, reports read the database and say so once.
    """
    columnar_folder(recorded.path).parent.write_text("in the way")
    with caplog.at_level(logging.WARNING), Queries(recorded.path) as queries:
        assert queries.cost().rows[0][0] == ROWS
        _add(recorded, 1)
        assert queries.cost().rows[0][0] == ROWS + 1
    assert [record.message.count("cannot be brought forward") for record in caplog.records] == [1]


def test_reports_are_right_while_somebody_writes(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A writer that holds the database for long keeps nobody from reading it.
    """
    monkeypatch.setattr(ledger, "_PATIENCE_S", 0.01)
    with closing(sqlite3.connect(recorded.path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with caplog.at_level(logging.WARNING), Queries(recorded.path) as queries:
            assert queries.cost().rows[0][0] == ROWS
        writer.execute("ROLLBACK")
    assert "locked" in caplog.text


def test_a_reader_of_an_older_moment_keeps_its_files(recorded: Recorded) -> None:
    """
    Files that were replaced stay for those who began to read before.
    """
    with Queries(recorded.path) as old:
        old.cost()
        with old.at_one_moment():
            assert old.cost().rows[0][0] == ROWS
            _add(recorded, ROWS)
            with Queries(recorded.path) as new:
                assert new.cost().rows[0][0] == 2 * ROWS
            assert old.cost("model").rows[0][1] == ROWS
        assert old.cost().rows[0][0] == 2 * ROWS


def test_a_cache_that_was_deleted_comes_back(recorded: Recorded) -> None:
    """
    The next reader makes it anew, also where nothing new was recorded.
    """
    with Queries(recorded.path) as queries:
        queries.cost()
    shutil.rmtree(columnar_folder(recorded.path).parent)
    with Queries(recorded.path) as queries:
        assert queries.cost().rows[0][0] == ROWS
        assert _recent(queries) < upkeep.ENOUGH_ROWS
    assert _files(recorded.path)


def test_what_nobody_lists_goes_after_a_while(recorded: Recorded) -> None:
    """
    Files of a builder that was killed are deleted, but not those of one at work.
    """
    with Queries(recorded.path) as queries:
        queries.cost()
    folder = columnar_folder(recorded.path)
    for name, age_s in (("old.part", 3600), ("llm_calls-old.parquet", 3600), ("new.part", 0)):
        (folder / name).write_bytes(b"x")
        then = (folder / name).stat().st_mtime - age_s
        os.utime(folder / name, (then, then))
    _add(recorded, ROWS)
    with Queries(recorded.path) as queries:
        queries.cost()
    left = _files(recorded.path)
    assert "new.part" in left
    assert left.isdisjoint({"old.part", "llm_calls-old.parquet"})


def test_nothing_erased_is_left_in_the_files(tmp_path: Path) -> None:
    """
    After a run was erased, no value of it can be read from any file of the cache.
    """
    path = tmp_path / "runs.db"
    stored.store(path, [_trace(number, f"word{number}") for number in range(1, ROWS)])
    stored.store(path, [_trace(ROWS, "swordfish")])
    stored.store(path, [_trace(ROWS + number, f"word{number}") for number in range(1, ROWS)])
    with Queries(path) as queries:
        assert held(queries) == truth(path)
    kinds = {name.partition("-")[0] for name in _told_by(path, "swordfish")}
    assert kinds >= {"runs", "llm_calls", "tool_calls", "messages", "spans", "sessions"}
    otel_bridge.erase(path, session_id="swordfish")
    assert _told_by(path, "swordfish") == []
    assert _files(path)
    with Queries(path) as queries:
        assert held(queries) == truth(path)


def _trace(number: int, word: str) -> list[SpanRecord]:
    named = {"gen_ai.conversation.id": word}
    return [
        trees.span(number, 1, None, **trees.agent(word, **named)),
        trees.span(number, 2, 1, **trees.chat(word)),
        trees.span(number, 3, 1, **trees.tool(word)),
    ]


def test_a_check_of_the_database_minds_no_cache(recorded: Recorded) -> None:
    """
    The tables of the cache are no damage, and an agent goes on recording beside them.
    """
    with Queries(recorded.path) as queries:
        queries.cost()
    with (
        open_database(recorded.path) as database,
        database.transaction() as connection,
    ):
        connection.exec_driver_sql("UPDATE llm_calls SET input_tokens = 5")
        connection.exec_driver_sql("DELETE FROM llm_calls WHERE span = 4")
    with Queries(recorded.path) as queries:
        assert queries.cost().rows[0][:2] == (ROWS - 1, 5 * (ROWS - 1))


def _told_by(path: Path, text: str) -> list[str]:
    found = []
    for file in sorted(columnar_folder(path).glob("*")):
        rows = duckdb.execute("FROM read_parquet($file)", {"file": str(file)}).fetchall()
        found += [file.name] if text in repr(rows) else []
    return found


def test_a_row_that_came_while_a_file_was_begun_may_still_change(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What changes about a row is seen, though the row came between a turn's first words and
    its look at the rows.
    """
    begin = ledger.Ledger.begin

    def begin_late(self: ledger.Ledger, relation: Relation) -> ledger.Turn | None:
        turn = begin(self, relation)
        if not late:
            late.append(turn)
            _add(recorded, 1)
        return turn

    late: list[ledger.Turn | None] = []
    monkeypatch.setattr(upkeep, "SEGMENT_ROWS", 10 * ROWS)

    monkeypatch.setattr(ledger.Ledger, "begin", begin_late)
    with Queries(recorded.path) as queries:
        queries.cost()
    with recorded:
        recorded.change("llm_calls", input_tokens=5)
    with Queries(recorded.path, cache=False) as queries:
        assert queries.cost().rows[0][:2] == (ROWS + 1, 5 * (ROWS + 1))


def test_folders_named_like_a_partition_tell_nothing(tmp_path: Path) -> None:
    """
    A database in a folder `model=x` has the models that were recorded, and no other.
    """
    folder = tmp_path / "model=x" / "status=error"
    folder.mkdir(parents=True)
    recorded = Recorded(folder / "runs.db")
    _add(recorded, ROWS)
    recorded.close()
    with Queries(recorded.path) as queries:
        queries.cost()
        assert held(queries) == truth(recorded.path)
    with Queries(recorded.path) as queries:
        assert queries.cost("model").rows[0][0] == "m"


def test_two_may_tidy_at_once(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A file that somebody else deleted first keeps nobody from bringing the cache forward.
    """
    listed = Path.iterdir

    def with_one_gone(self: Path) -> Iterator[Path]:
        yield self / "llm_calls-gone.parquet"
        yield from listed(self)

    monkeypatch.setattr(Path, "iterdir", with_one_gone)
    with caplog.at_level(logging.WARNING), Queries(recorded.path) as queries:
        queries.cost()
    assert caplog.text == ""


def test_damage_is_no_matter_while_somebody_writes(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where a file is damaged and the cache cannot be mended now, reports read the database.
    """
    with Queries(recorded.path) as queries:
        queries.cost()
    for file in columnar_folder(recorded.path).iterdir():
        file.write_bytes(b"x" * file.stat().st_size)
    monkeypatch.setattr(ledger, "_PATIENCE_S", 0.01)
    with closing(sqlite3.connect(recorded.path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with Queries(recorded.path) as queries:
            assert queries.cost().rows[0][0] == ROWS
        writer.execute("ROLLBACK")


def test_a_turn_lasts_as_long_as_its_builder_is_at_work(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Nobody begins what another is slow at, and whoever stops saying so is taken over from.
    """
    # Each look at the clock takes longer than a third of a turn.
    clock = itertools.count(0, ledger.TURN_NS // 2)
    monkeypatch.setattr(upkeep, "_CHUNK_ROWS", 5)
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    ends: list[int] = []
    prolong = ledger.Ledger.prolong

    def told(self: ledger.Ledger, turn: ledger.Turn) -> None:
        prolong(self, turn)
        with closing(sqlite3.connect(recorded.path)) as connection:
            found = connection.execute(
                "SELECT builder_until_ns FROM columnar_relations WHERE name = 'llm_calls'"
            )
            ends.extend(end for (end,) in found)

    monkeypatch.setattr(ledger.Ledger, "prolong", told)
    with Queries(recorded.path) as queries:
        assert _recent(queries) < upkeep.ENOUGH_ROWS
    assert len(set(ends)) > 1
    assert ends == sorted(ends)


def test_erasing_minds_no_damaged_files(tmp_path: Path) -> None:
    """
    What was erased goes from the cache though its files cannot be read any more.
    """
    path = tmp_path / "runs.db"
    stored.store(path, [_trace(number, f"word{number}") for number in range(1, ROWS)])
    with Queries(path) as queries:
        assert held(queries) == truth(path)
    damaged = _files(path)
    for name in damaged:
        file = columnar_folder(path) / name
        file.write_bytes(b"x" * file.stat().st_size)
    otel_bridge.erase(path, session_id="word1")
    assert damaged.isdisjoint(_files(path))
    with Queries(path) as queries:
        assert held(queries) == truth(path)

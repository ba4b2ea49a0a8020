"""
The columnar cache is exact at every moment, whatever happens to the database and to it.
"""

import multiprocessing
import random
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from columnar_child import answers, held, serve, shrink, truth
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from otel_bridge_queries import Queries
from otel_bridge_queries.cache_folder import columnar_folder
from otel_bridge_queries.columnar import upkeep
from otel_bridge_queries.columnar.purging import purge
from otel_bridge_queries.copying_loader import CopyingLoader
from otel_bridge_queries.engine import open_engine
from otel_bridge_queries.question import Teller
from otel_bridge_storage import dead_writers, erasure, repricing
from otel_bridge_storage.addresses import address_of
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.readings import Price
from otel_bridge_storage.rebuild import rebuild
from otel_bridge_storage.records import SpanRecord
from stored import PRICER, READER
from trees import forests

_SPAWN = multiprocessing.get_context("spawn")


class Other:
    """
    Another process that reads the same database and brings the same cache forward.
    """

    def __init__(self, path: Path) -> None:
        self._pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=serve, args=(theirs, str(path)), daemon=True)
        self._process.start()

    def ask(self, seed: int) -> tuple[Any, Any]:
        """
        Give what it sees of the relations, and what its reports answer.
        """
        self._pipe.send(seed)
        if not self._pipe.poll(60):
            raise AssertionError("the other process does not answer")
        told: tuple[Any, Any] | Exception = self._pipe.recv()
        if isinstance(told, Exception):
            raise told
        return told

    def close(self) -> None:
        """
        Let it end.
        """
        self._pipe.send(None)
        self._process.join(10)
        self._process.kill()


class Uncached(Queries):
    """
    The same reports over copies of the database, with no cache.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, cache=False)
        self._loader.close()
        self._engine.close()
        self._engine = open_engine()
        self._teller = Teller(self._engine)
        self._loader = CopyingLoader(address_of(path), self._engine)


def copied_answers(path: Path, seed: int) -> Any:
    """
    Ask the same reports of the database alone.
    """
    with Uncached(path) as queries:
        return answers(queries, seed)


class Machine(RuleBasedStateMachine):
    """
    A database that is written, changed and damaged in turns, and two readers with a cache.
    """

    folder: Path

    @initialize(spans=forests())
    def begin(self, spans: list[SpanRecord]) -> None:
        """
        Make a database.
        """
        self.path = self.folder / f"{uuid.uuid4().hex}.db"
        self.database = open_database(self.path)
        self.ingestor = Ingestor(self.database, reader=READER, pricer=PRICER)
        self.ingestor.apply(spans)
        self.here = Queries(self.path, cache=True)
        self.other: Other | None = None

    @rule(spans=forests(), seed=st.integers(0, 999), size=st.integers(1, 5))
    def deliver(self, spans: list[SpanRecord], seed: int, size: int) -> None:
        """
        Spans arrive in any order: new ones, parents of old ones, and ends of open ones.
        """
        random.Random(seed).shuffle(spans)
        for start in range(0, len(spans), size):
            self.ingestor.apply(spans[start : start + size])

    @rule(factor=st.sampled_from([1, 2, None]))
    def reprice(self, factor: int | None) -> None:
        """
        Calls get other prices, or none.
        """
        pricer = _Flat(factor)
        repricing.reprice(self.database, reader=READER, pricer=pricer)

    @rule(chance=st.randoms(use_true_random=False))
    def erase(self, chance: random.Random) -> None:
        """
        A run goes, with all below it.
        """
        found = self._ids()
        if found:
            erasure.erase(
                self.database,
                reader=READER,
                pricer=PRICER,
                run_id=chance.choice(found),
                hold_tags=(),
            )

    @rule()
    def rebuild(self) -> None:
        """
        All derived rows are made anew.
        """
        rebuild(self.database, reader=READER, pricer=PRICER)

    @rule(half=st.integers(0, 1), column=st.sampled_from(["agent_name", "tags", "session_id"]))
    def edit_runs(self, half: int, column: str) -> None:
        """
        Somebody changes runs with a program of their own.
        """
        value = '["beta", "beta"]' if column == "tags" else "s1"
        self._sql(f"UPDATE runs SET {column} = ? WHERE rowid % 2 = ?", value, half)

    @rule(half=st.integers(0, 1), table=st.sampled_from(["llm_calls", "tool_calls", "steps"]))
    def drop_rows(self, half: int, table: str) -> None:
        """
        Somebody deletes derived rows, and others get the same row ids later.
        """
        self._sql(f"DELETE FROM {table} WHERE rowid % 2 = ?", half)

    @rule()
    def vacuum(self) -> None:
        """
        The file is written anew, which may change row ids.
        """
        self._sql("DELETE FROM runs WHERE rowid = (SELECT min(rowid) FROM runs)")
        self._sql("VACUUM")

    @rule(
        how=st.sampled_from(["file", "folder", "torn", "garbage", "triggers", "stale"]),
        chance=st.randoms(use_true_random=False),
    )
    def lose(self, how: str, chance: random.Random) -> None:
        """
        Some of the cache is lost, torn or overwritten.
        """
        folder = columnar_folder(self.path)
        files = sorted(folder.glob("*.parquet"))
        if how == "folder":
            shutil.rmtree(folder.parent, ignore_errors=True)
        elif how == "triggers":
            for (name,) in self._sql("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
                self._sql(f"DROP TRIGGER {name}")
            self._sql("UPDATE llm_calls SET input_tokens = 77")
        elif how == "stale" and files:
            (folder / f"x{files[0].name}").write_bytes(files[0].read_bytes())
        elif files:
            file = chance.choice(files)
            size = file.stat().st_size
            if how == "file":
                file.unlink()
            elif how == "torn":
                file.write_bytes(file.read_bytes()[: size // 2])
            else:
                file.write_bytes(b"x" * size)

    @rule()
    def purge(self) -> None:
        """
        What was erased goes from the files too.
        """
        purge(self.path)

    @rule(seed=st.integers(0, 999))
    def ask_here(self, seed: int) -> None:
        """
        A reader of long standing sees what is in the database.
        """
        assert held(self.here) == truth(self.path)
        assert _different(answers(self.here, seed), copied_answers(self.path, seed)) == {}

    @rule(seed=st.integers(0, 999))
    def ask_the_other(self, seed: int) -> None:
        """
        So does one in another process.
        """
        if self.other is None:
            self.other = Other(self.path)
        seen, told = self.other.ask(seed)
        assert seen == truth(self.path)
        assert _different(told, copied_answers(self.path, seed)) == {}

    @rule()
    def ask_anew(self) -> None:
        """
        So does one that comes new, and one that may not write.
        """
        for cache in (True, False):
            with Queries(self.path, cache=cache) as queries:
                assert held(queries) == truth(self.path)

    @invariant()
    def sums_are_true(self) -> None:
        """
        What calls cost is what SQLite adds up.
        """
        if not hasattr(self, "path"):
            return
        told = {row["model"]: row for row in self.here.cost("model")}
        found = self._sql(
            "SELECT coalesce(response_model, request_model), count(*), sum(input_tokens), "
            "sum(cost_picousd), count(*) - count(cost_picousd) FROM llm_calls "
            "WHERE counted = 1 GROUP BY 1"
        )
        assert {
            model: (row["llm_calls"], row["input_tokens"], row["unpriced_calls"])
            for model, row in told.items()
        } == {model: (calls, tokens, unpriced) for model, calls, tokens, _, unpriced in found}
        assert {m: row["cost_usd"] for m, row in told.items()} == {
            model: None if cost is None else float(f"{cost}e-12")
            for model, _, __, cost, ___ in found
        }

    def teardown(self) -> None:
        """
        Close everything.
        """
        if hasattr(self, "path"):
            self.here.close()
            self.database.close()
            if self.other is not None:
                self.other.close()

    def _ids(self) -> list[str]:
        return [run_id for (run_id,) in self._sql("SELECT run_id FROM runs ORDER BY 1")]

    def _sql(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            return connection.execute(text, values).fetchall()


class _Flat:
    """
    Prices each call alike, or none.
    """

    def __init__(self, factor: int | None) -> None:
        self._factor = factor

    def price(self, *args: Any, **kwargs: Any) -> Price:
        """
        Give the price of a call.
        """
        if self._factor is None:
            return Price(unpriced_reason="no price today")
        return Price(picousd=self._factor * 1_000_003)


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """
    Let files be of a few rows while a test lasts.
    """
    for name in ("ENOUGH_ROWS", "MANY_CHANGES", "SEGMENT_ROWS"):
        monkeypatch.setattr(upkeep, name, getattr(upkeep, name))
    monkeypatch.setattr(dead_writers, "SILENCE_S", dead_writers.SILENCE_S)
    shrink()
    return shrink


def _different(told: Mapping[str, Any], true: Mapping[str, Any]) -> dict[str, Any]:
    assert told.keys() == true.keys()
    return {name: (told[name], true[name]) for name in told if told[name] != true[name]}


def _play(tmp_path: Path, examples: int, steps: int) -> None:
    class Played(Machine):
        folder = tmp_path

    Played.TestCase.settings = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    Played.TestCase().runTest()


@pytest.mark.usefixtures("small_files")
def test_the_cache_is_exact_at_every_moment(tmp_path: Path) -> None:
    """
    Through writes, late binding, deletes, repricing, two processes and losses of the
    cache, relations and reports are those of the database alone.
    """
    _play(tmp_path, 4, 12)


@pytest.mark.slow
@pytest.mark.usefixtures("small_files")
def test_the_cache_is_exact_for_long(tmp_path: Path) -> None:
    """
    The same, for longer stories and more of them.
    """
    _play(tmp_path, 60, 30)

"""
Repricing: history costs what the prices of today say of its time, and all sums follow.
"""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import captures
import pytest
from backends import Backend
from backends import store as store_in
from backends import table as table_of
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from otel_bridge_storage.errors import DatabaseNotFoundError, PriceFileError, QueryError
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.readings import Price, Pricer, Usage
from otel_bridge_storage.rebuild import rebuild
from otel_bridge_storage.records import Arrival, SpanRecord
from otel_bridge_storage.repricing import Repriced, Sum, reprice
from otel_bridge_storage.schema import llm_calls
from sqlalchemy import update
from stored import PRICER, READER, rows, store
from trees import MS, NOON, agent, chat, forests, span

from otel_bridge import maintenance
from otel_bridge.cli.main import run_with
from otel_bridge.otlp.files import read_telemetry
from otel_bridge.pricing import PriceFile

TABLES = ("run_log", "runs", "llm_calls", "tool_calls", "steps", "sessions", "run_labels")
# gpt-4o-mini costs 0.15 and 0.60 USD for a million tokens in the price list.
LISTED = 10 * 150_000 + 10 * 600_000
PRICES = '[[price]]\nmodel = "gpt-4o-mini"\ninput = 1\noutput = 2\nbatch_discount = 0.5\n'
OURS = 10 * 1_000_000 + 10 * 2_000_000


class Odd:
    """
    Other prices: some calls cost by their tokens, some have no price for a reason.
    """

    def price(
        self,
        *,
        provider: str | None,
        model: str | None,
        usage: Usage,
        time_ns: int,
        service_tier: str | None = None,
    ) -> Price:
        """
        Price a call of an even millisecond, and no other.
        """
        tokens = usage.input_tokens
        if tokens is None or time_ns // MS % 2:
            return Price(unpriced_reason="odd")
        return Price(picousd=tokens * 7 + (usage.output_tokens or 0))


def dump(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """
    Give all derived rows, ids and sequence numbers included.
    """
    return {name: sorted(rows(path, f"SELECT * FROM {name}"), key=repr) for name in TABLES}


def repriced(path: Path, pricer: Pricer, **how: Any) -> Repriced:
    """
    Reprice a database.
    """
    with open_database(path) as database:
        return reprice(database, reader=READER, pricer=pricer, **how)


def rebuilt(path: Path, pricer: Pricer) -> None:
    """
    Rebuild a database.
    """
    with open_database(path) as database:
        rebuild(database, reader=READER, pricer=pricer)


def prices(tmp_path: Path, text: str = PRICES) -> Path:
    """
    Write a price file.
    """
    path = tmp_path / "prices.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _two_runs() -> Sequence[SpanRecord]:
    return [
        span(1, 1, **agent("a", **{"gen_ai.conversation.id": "s1"})),
        span(1, 2, 1, **chat("r1")),
        span(1, 3, 1, **chat("r2", 10, **{"gen_ai.response.model": "house-model"})),
        span(2, 1, **agent("b")),
        span(2, 2, 1, start_ns=NOON + 3600 * 1000 * MS, **chat("r3")),
    ]


@pytest.mark.parametrize("name", captures.names())
def test_a_capture_repriced_is_as_if_rebuilt(tmp_path: Path, name: str) -> None:
    """
    After a change of prices, repricing what a real instrumentation sent gives row by row
    what a rebuild with the new prices gives, and with the old ones what was there.
    """
    path = tmp_path / "runs.db"
    files = captures.files(name, "traces", "pb") + captures.files(name, "logs", "pb")
    arrivals: list[list[Arrival]] = [[*file.spans, *file.logs] for file in read_telemetry(files)]
    store(path, arrivals)
    before = dump(path)
    repriced(path, Odd())
    found = dump(path)
    rebuilt(path, Odd())
    assert found == dump(path)
    repriced(path, PRICER)
    assert dump(path) == before


@given(spans=forests(), size=st.integers(1, 4))
@settings(
    max_examples=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_forest_repriced_is_as_if_rebuilt(
    tmp_path_factory: pytest.TempPathFactory, spans: list[SpanRecord], size: int
) -> None:
    """
    For any trees, with copies, sums and open calls, and however few calls a transaction
    takes, repricing gives the rows of a rebuild with the same prices.
    """
    path = tmp_path_factory.mktemp("repriced") / "runs.db"
    store(path, [spans])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("otel_bridge_storage.repricing._CALLS_AT_ONCE", size)
        done = repriced(path, Odd())
    found = dump(path)
    rebuilt(path, Odd())
    assert found == dump(path)
    told = [row[0] for row in rows(path, "SELECT cost_picousd FROM llm_calls WHERE counted = 1")]
    assert done.after == Sum(sum(cost or 0 for cost in told), told.count(None))
    assert done.calls == len(told)


def test_every_kind_of_database_is_repriced(backend: Backend, tmp_path: Path) -> None:
    """
    Calls, runs and what is said of them agree, on each kind of database.
    """
    store_in(backend.target, [_two_runs()])
    done = maintenance.reprice(backend.target, prices=prices(tmp_path))
    assert (done.calls, done.changed) == (3, 2)
    assert (done.before, done.after) == (Sum(2 * LISTED, 1), Sum(2 * OURS, 1))
    assert sorted(
        (run["agent_name"], run["cost_picousd"], run["unpriced_calls"])
        for run in table_of(backend.target, "runs")
    ) == [("a", OURS, 1), ("b", OURS, 0)]
    assert maintenance.reprice(backend.target, prices=prices(tmp_path)).changed == 0


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    """
    A dry run says what would change, and nothing does.
    """
    path = tmp_path / "runs.db"
    store(path, [_two_runs()])
    before = dump(path)
    foreseen = maintenance.reprice(path, prices=prices(tmp_path), dry_run=True)
    assert dump(path) == before
    assert foreseen == maintenance.reprice(path, prices=prices(tmp_path))


def test_only_the_calls_that_are_meant_are_repriced(tmp_path: Path) -> None:
    """
    Calls before a time, or of another model, stay as they are; a run's sum has both.
    """
    path = tmp_path / "runs.db"
    store(path, [_two_runs()])
    costs = "SELECT r.agent_name, c.cost_picousd FROM llm_calls c JOIN runs r USING (run_id)"
    free = prices(tmp_path, '[[price]]\nmodel = "*"\nfree = true\n')
    since = datetime.fromtimestamp(NOON // 10**9 + 600, UTC)
    assert maintenance.reprice(path, prices=free, since=since).calls == 1
    assert sorted(rows(path, costs), key=repr) == [("a", LISTED), ("a", None), ("b", 0)]
    assert maintenance.reprice(path, prices=free, model="house-model").calls == 1
    assert sorted(rows(path, costs), key=repr) == [("a", 0), ("a", LISTED), ("b", 0)]
    assert rows(path, "SELECT cost_picousd, unpriced_calls FROM runs WHERE agent_name = 'a'") == [
        (LISTED, 0)
    ]
    ago = maintenance.reprice(path, prices=free, since=timedelta(days=365_000), dry_run=True)
    assert ago.calls == 3


def test_the_service_tier_that_is_stored_is_priced(tmp_path: Path) -> None:
    """
    Repricing takes the stored tier into account: its price, or none with the reason.
    """
    path = tmp_path / "runs.db"
    store(path, [_two_runs()])
    with open_database(path) as database, database.transaction() as connection:
        connection.execute(update(llm_calls).values(service_tier="batch"))
        third = update(llm_calls).where(llm_calls.c.response_id == "r3")
        connection.execute(third.values(service_tier="scale"))
    done = maintenance.reprice(path, prices=prices(tmp_path))
    assert done.after == Sum(OURS // 2, 2)
    ((reason,),) = rows(path, "SELECT unpriced_reason FROM llm_calls WHERE response_id = 'r3'")
    assert reason == "prices.toml has no price for the service tier scale of the model gpt-4o-mini"


def test_others_may_write_between_two_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What a program records while repricing is under way is stored, and at each step the
    sums of the runs are those of their calls.
    """
    path = tmp_path / "runs.db"
    store(path, [_two_runs()])
    monkeypatch.setattr("otel_bridge_storage.repricing._CALLS_AT_ONCE", 1)
    seen: list[bool] = []

    def meanwhile(done: int, _: int) -> None:
        if done <= 3:
            late = span(2, 10 + done, 1, **chat(f"late-{done}"))
            writer = threading.Thread(target=store, args=(path, [[late]]))
            writer.start()
            writer.join()
            seen.append(_sums_are_true(path))

    repriced(path, PriceFile(prices(tmp_path)), progress=meanwhile)
    assert seen == [True] * 3
    assert _sums_are_true(path)
    assert {cost for (cost,) in rows(path, "SELECT cost_picousd FROM llm_calls")} == {OURS, None}


def _sums_are_true(path: Path) -> bool:
    return not rows(
        path,
        """SELECT * FROM runs JOIN (
            SELECT run_id, sum(cost_picousd) AS cost, count(*) - count(cost_picousd) AS unpriced
            FROM llm_calls WHERE counted = 1 GROUP BY run_id
        ) USING (run_id) WHERE cost_picousd IS NOT cost OR unpriced_calls <> unpriced""",
    )


def test_progress_ends_with_all_calls(tmp_path: Path) -> None:
    """
    Progress tells how many calls are done, and how many there are.
    """
    path = tmp_path / "runs.db"
    store(path, [_two_runs()])
    told: list[tuple[int, int]] = []
    repriced(path, PRICER, progress=lambda done, total: told.append((done, total)))
    assert told == [(3, 3)]


def test_what_cannot_be_done_is_an_error(tmp_path: Path) -> None:
    """
    No database, a bad price file, and a moment without a time zone are told, and no
    database is made.
    """
    path = tmp_path / "runs.db"
    with pytest.raises(DatabaseNotFoundError):
        maintenance.reprice(path)
    with pytest.raises(PriceFileError):
        maintenance.reprice(path, prices=tmp_path / "none.toml")
    store(path, [_two_runs()])
    with pytest.raises(QueryError, match="since="):
        maintenance.reprice(path, since=datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused
    assert not (tmp_path / "none.toml").exists()


def test_the_command_says_what_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    `otel-bridge reprice` prints how many calls changed and the totals before and after.
    """
    monkeypatch.delenv("OTEL_BRIDGE_PRICES", raising=False)
    path = tmp_path / "runs.db"
    store(path, [_two_runs()])
    words = ["reprice", "--db", str(path), "--prices", str(prices(tmp_path))]
    totals = "before $0.000015 and 1 call unpriced, after $0.000060 and 1 call unpriced\n"
    assert run_with([*words, "--dry-run"]) == 0
    assert capsys.readouterr().out == f"{path}: 2 of 3 calls would be repriced; {totals}"
    assert run_with(words) == 0
    assert capsys.readouterr().out == f"{path}: 2 of 3 calls repriced; {totals}"
    assert run_with(["reprice", "--db", str(path), "--since", "2026-01-01"]) == 0
    assert "2 of 3 calls repriced; before $0.000060" in capsys.readouterr().out
    assert run_with(["reprice", "--db", str(path), "--prices", str(tmp_path / "no.toml")]) == 1
    error = capsys.readouterr().err
    assert "cannot read the price file" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("command", ["import", "rebuild", "install"])
def test_a_price_file_is_used_wherever_calls_are_priced(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Importing, rebuilding and recording price calls by the file that is given, and by
    `$OTEL_BRIDGE_PRICES` where none is.
    """
    file = prices(tmp_path, '[[price]]\nmodel = "*"\nfree = true\n')
    for given_by in ("option", "variable"):
        path = tmp_path / f"{given_by}.db"
        if given_by == "variable":
            monkeypatch.setenv("OTEL_BRIDGE_PRICES", str(file))
            option: dict[str, Any] = {}
        else:
            monkeypatch.delenv("OTEL_BRIDGE_PRICES", raising=False)
            option = {"prices": file}
        _price_by(command, path, option)
        costs = rows(path, "SELECT DISTINCT cost_picousd FROM llm_calls WHERE counted = 1")
        assert costs == [(0,)]


def _price_by(command: str, path: Path, option: dict[str, Any]) -> None:
    words = [part for name, value in option.items() for part in (f"--{name}", str(value))]
    if command == "import":
        (file, *_) = captures.files("otel_genai_openai_latest", "traces", "pb")
        assert run_with(["import", str(file), "--db", str(path), *words]) == 0
    elif command == "rebuild":
        with open_database(path) as database:
            Ingestor(database, reader=READER, pricer=PRICER).apply([*_two_runs()])
        assert run_with(["rebuild", "--db", str(path), *words]) == 0
    else:
        from opentelemetry.sdk.trace import TracerProvider

        import otel_bridge

        with otel_bridge.install(path, tracer_provider=TracerProvider(), **option) as bridge:
            with bridge.run("a") as run, run.llm_call(model="gpt-4o-mini", provider="openai") as c:
                c.usage(input_tokens=1, output_tokens=1)
            assert bridge.force_flush()

"""
What stands beside the cost: why a call has no price, and what its telemetry claims.
"""

import json
import sqlite3
import tempfile
from collections import defaultdict
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_queries import Queries
from otel_bridge_storage.errors import QueryError
from queries_data import MS, NOON, Recorded
from stored import store
from trees import agent, chat, span

from otel_bridge.cli.main import run_with

CALLS = 1_000_000
MICRODOLLAR = Decimal("0.000001")

amounts = st.none() | st.just(0) | st.integers(1, 2**53)
priced_calls = st.lists(
    st.fixed_dictionaries(
        {
            "cost_picousd": amounts,
            "emitted_cost_picousd": amounts,
            "emitted_cost_source": st.sampled_from(["litellm", "pydantic_ai"]),
            "request_model": st.sampled_from(["m", "n"]),
            "counted": st.sampled_from([1, 1, 1, 0]),
        }
    ),
    max_size=25,
)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Print for a terminal that is wide enough for all columns.
    """
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """
    A run with calls that have a price, a claim, both or neither.
    """
    made = Recorded(tmp_path / "runs.db")
    with made:
        made.run("r", agent_name="a")
        usd = 10**12
        made.llm_call(
            "r",
            request_model="m",
            cost_picousd=2 * usd,
            emitted_cost_picousd=3 * usd,
            emitted_cost_source="semconv",
        )
        made.llm_call("r", request_model="m", cost_picousd=5 * usd)
        made.llm_call(
            "r",
            request_model="house",
            provider="acme",
            input_tokens=7,
            unpriced_reason="no price for the model house of acme",
            emitted_cost_picousd=usd,
            emitted_cost_source="litellm",
            start_ns=NOON + 5 * MS,
        )
        for tokens in (1, 2):
            made.llm_call(
                "r",
                request_model="house",
                provider="acme",
                output_tokens=tokens,
                unpriced_reason="the number of input tokens is not known",
            )
        made.llm_call("r", counted=0, request_model="copy", emitted_cost_picousd=9 * usd)
    made.close()
    return made.path


def told(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[str, str]:
    """
    Run a command line that succeeds.
    """
    capsys.readouterr()
    assert run_with([str(word) for word in words]) == 0
    return capsys.readouterr()


def test_each_reason_of_a_model_is_a_row(recorded: Path) -> None:
    """
    Calls without a price are counted by provider, model and reason; copies and calls with
    a price are not.
    """
    with Queries(recorded) as queries:
        rows = queries.unpriced().dicts()
        everything = queries.unpriced(by=[]).dicts()
        none = queries.unpriced(model="m").dicts()
    assert [(r["provider"], r["model"], r["reason"], r["unpriced_calls"]) for r in rows] == [
        ("acme", "house", "the number of input tokens is not known", 2),
        ("acme", "house", "no price for the model house of acme", 1),
    ]
    assert [(r["input_tokens"], r["output_tokens"]) for r in rows] == [(None, 3), (7, None)]
    assert [r["last_at"].microsecond for r in rows] == [0, 5000]
    assert [r["unpriced_calls"] for r in everything] == [2, 1]
    assert none == []


def test_the_sums_of_a_comparison_are_over_the_same_calls(recorded: Path) -> None:
    """
    A claim is compared where there is a price too; all other calls are counted by what
    they lack.
    """
    with Queries(recorded) as queries:
        (total,) = queries.cost_check(by=[]).dicts()
        rows = {row["source"]: row for row in queries.cost_check()}
    assert total == {
        "llm_calls": 5,
        "compared_calls": 1,
        "compared_cost_usd": 2.0,
        "compared_emitted_usd": 3.0,
        "difference_usd": 1.0,
        "only_ours_calls": 1,
        "only_emitted_calls": 1,
        "neither_calls": 2,
    }
    assert rows["litellm"]["compared_cost_usd"] is None
    assert rows["litellm"]["compared_emitted_usd"] is None
    assert rows["litellm"]["only_emitted_calls"] == 1
    assert rows["semconv"]["difference_usd"] == 1.0
    assert rows[None]["llm_calls"] == 3


@settings(max_examples=40, deadline=None)
@given(calls=priced_calls, by=st.sampled_from([[], ["source"], ["model"], ["model", "source"]]))
def test_a_comparison_is_what_counting_by_hand_gives(
    calls: list[dict[str, Any]], by: list[str]
) -> None:
    """
    For any calls, both sums are exact and over the same calls, a claim of nothing is no
    claim, and the four kinds add up to all calls.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = Recorded(Path(folder) / "runs.db")
        with made:
            made.run("r")
            for call in calls:
                made.llm_call("r", **call)
        made.close()
        with Queries(made.path) as queries:
            rows = queries.cost_check(by).rows
    groups: dict[tuple[Any, ...], list[tuple[int | None, int | None]]] = defaultdict(list)
    if not by:
        groups[()] = []
    for call in calls:
        if call["counted"]:
            claim = call["emitted_cost_picousd"] or None
            keys = {
                "model": call["request_model"],
                "source": call["emitted_cost_source"] if claim else None,
            }
            groups[tuple(keys[key] for key in by)].append((call["cost_picousd"], claim))
    assert {row[: len(by)]: row[len(by) :] for row in rows} == {
        key: _compared(group) for key, group in groups.items()
    }


def _compared(group: list[tuple[int | None, int | None]]) -> tuple[Any, ...]:
    both = [(ours, claim) for ours, claim in group if ours is not None and claim is not None]

    def usd(numbers: list[int]) -> float | None:
        return float(Decimal(sum(numbers)).scaleb(-12)) if numbers else None

    return (
        len(group),
        len(both),
        usd([ours for ours, _ in both]),
        usd([claim for _, claim in both]),
        usd([claim - ours for ours, claim in both]),
        sum(ours is not None and claim is None for ours, claim in group),
        sum(ours is None and claim is not None for ours, claim in group),
        sum(ours is None and claim is None for ours, claim in group),
    )


def test_a_million_calls_add_up_to_the_microdollar(tmp_path: Path) -> None:
    """
    The cost of a million calls, in all and by model, and the difference to what was
    claimed, is what decimal arithmetic gives.
    """
    made = Recorded(tmp_path / "runs.db")
    with made:
        made.run("r")
    made.close()
    with closing(sqlite3.connect(made.path)) as connection, connection:
        connection.execute(
            """INSERT INTO llm_calls (span, run_id, counted, dialect, precedence, scope, operation,
                start_ns, status, finish_reasons, input_messages, output_messages, request_model,
                cost_picousd, emitted_cost_picousd)
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
            SELECT i, 'r', 1, 'd', 1, 1, 'chat', 0, 'ok', '[]', '[]', '[]', 'm' || (i % 3),
                i * 7919 % 999983 * 1000003 + 1, i * 104729 % 999979 * 1000033 + 1 FROM n""",
            (CALLS,),
        )
    ours: dict[str, int] = defaultdict(int)
    claimed = 0
    for i in range(1, CALLS + 1):
        ours[f"m{i % 3}"] += i * 7919 % 999983 * 1000003 + 1
        claimed += i * 104729 % 999979 * 1000033 + 1
    with Queries(made.path) as queries:
        by_model = {row["model"]: row["cost_usd"] for row in queries.cost("model")}
        (total,) = queries.cost().dicts()
        (check,) = queries.cost_check(by=[]).dicts()
    whole = sum(ours.values())
    expected = {**ours, "total": whole, "claimed": claimed, "difference": claimed - whole}
    found = {
        **by_model,
        "total": total["cost_usd"],
        "claimed": check["compared_emitted_usd"],
        "difference": check["difference_usd"],
    }
    for name, picousd in expected.items():
        exact = Decimal(picousd).scaleb(-12)
        assert Decimal(found[name]).quantize(MICRODOLLAR) == exact.quantize(MICRODOLLAR)
        assert found[name] == float(exact)


def test_an_unknown_key_or_filter_is_an_error(recorded: Path) -> None:
    """
    Only the comparison knows sources; neither report takes what it cannot group by.
    """
    with Queries(recorded) as queries:
        for ask in (queries.unpriced, queries.cost):
            with pytest.raises(QueryError, match="cannot group by 'source'"):
                ask(by="source")
        with pytest.raises(QueryError, match="cannot filter by 'tool_name'"):
            queries.cost_check(tool_name="t")


def test_the_cost_table_is_followed_by_the_reasons(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Below a table, not in it, each model without a price is named with its reason.
    """
    out, err = told(capsys, "cost", "--db", recorded)
    assert out.splitlines()[-1].startswith("total")
    assert err.splitlines() == [
        "3 of 5 calls have no known price and are not in the cost:",
        "2 calls of acme house: the number of input tokens is not known",
        "1 call of acme house: no price for the model house of acme",
    ]
    assert told(capsys, "cost", "--db", recorded, "--model", "m")[1] == ""
    assert told(capsys, "cost", "--db", recorded, "-f", "csv")[1] == ""


def test_a_long_list_of_reasons_is_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Of many models without a price twenty are named, and it is said how to see the others.
    """
    path = tmp_path / "runs.db"
    calls = [
        span(1, n, 1, **chat(f"r{n}", 10, **{"gen_ai.response.model": f"house-{n}"}))
        for n in range(2, 27)
    ]
    store(path, [[span(1, 1, **agent("a")), *calls]])
    _, err = told(capsys, "cost", "--db", path)
    assert len(err.splitlines()) == 22
    assert err.endswith("and 5 more of this kind: otel-bridge cost --unpriced lists all\n")
    out, _ = told(capsys, "cost", "--unpriced", "--db", path, "-f", "json")
    assert len(json.loads(out)) == 25


@pytest.mark.parametrize("form", ["table", "json", "csv", "md"])
def test_the_reasons_are_rows_in_every_form(
    recorded: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    """
    `--unpriced` prints the reasons themselves, for people and for programs.
    """
    out, err = told(capsys, "cost", "--unpriced", "--db", recorded, "-f", form)
    assert err == ""
    assert out.count("the number of input tokens is not known") == 1
    assert out.count("no price for the model house of acme") == 1
    out, err = told(capsys, "cost", "--unpriced", "--db", recorded, "--model", "m", "-f", form)
    assert err == "no model call without a price matches\n"


def test_the_table_of_claims_says_what_it_leaves_out(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Beside both sums stands over how many calls they are, and below how many there are.
    """
    out, err = told(capsys, "cost", "--emitted", "--db", recorded)
    lines = {line.split()[0]: line.split() for line in out.splitlines()}
    assert lines["source"][1:6] == ["calls", "compared", "ours", "emitted", "difference"]
    assert lines["semconv"][1:6] == ["1", "1", "$2.0000", "$3.0000", "+$1.0000"]
    assert lines["litellm"][1:6] == ["1", "0", "–", "–", "–"]
    assert lines["total"][1:] == ["5", "1", "$2.0000", "$3.0000", "+$1.0000", "1", "1", "2"]
    assert err.startswith("the sums are over the 1 of 5 calls that have both")


@pytest.mark.parametrize("form", ["json", "csv", "md"])
def test_claims_are_rows_in_every_form(
    recorded: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    """
    `--emitted` has its figures in every form, by whatever keys, and the sums are
    named so that no sum can be taken for that of all calls.
    """
    out, err = told(
        capsys, "cost", "--emitted", "--by", "model,source", "--db", recorded, "-f", form
    )
    assert err == ""
    if form == "json":
        assert {"model", "source", "compared_calls", "compared_cost_usd"} < json.loads(out)[
            0
        ].keys()
    else:
        assert "source" in out.splitlines()[0]
        assert "difference" in out.splitlines()[0]


def test_two_reports_at_once_are_wrong_usage(recorded: Path) -> None:
    """
    `--unpriced` and `--emitted` cannot be asked for together.
    """
    assert run_with(["cost", "--unpriced", "--emitted", "--db", str(recorded)]) == 2

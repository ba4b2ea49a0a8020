"""
Steps that were hidden, condensed or taken back, in the view of a run and of a session.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from backends import Backend
from opentelemetry.sdk.trace import TracerProvider
from otel_bridge_queries import Queries
from otel_bridge_storage import facts
from test_facts_stored import Told

from otel_bridge.bridge import install

# Runs of one session whose steps interleave in time; what is said of `one` is no word on
# `two`, and the rollback of `all` takes back what it had by then.
STEPS = {
    "one": ("one-1", "one-2", "one-3", "one-4"),
    "two": ("two-1", "two-2"),
    "all": ("all-1", "all-2"),
}


@pytest.fixture
def target(backend: Backend) -> str:
    """
    A session of three runs in each kind of database.
    """
    told = Told()
    made: list[facts.Fact] = [
        told(facts.RunStarted, run_id=run_id, session_id="s") for run_id in STEPS
    ]

    def step(run_id: str, step_id: str) -> facts.Fact:
        return told(facts.UserStepCommitted, run_id=run_id, step_id=step_id, content=step_id)

    made += [step("one", "one-1"), step("two", "two-1"), step("all", "all-1")]
    made += [step("one", "one-2"), step("one", "one-3")]
    made += [
        told(facts.StepsHidden, run_id="one", step_ids=("one-1",)),
        told(facts.StepCondensed, run_id="one", step_id="one-2", content="short"),
        told(facts.RunRolledBack, run_id="one", step_ids=("one-3", "two-1")),
        told(facts.RunRolledBack, run_id="all"),
    ]
    made += [step("one", "one-4"), step("two", "two-2"), step("all", "all-2")]
    _emit(backend.target, made)
    return backend.target


def _emit(target: str, told: Sequence[facts.Fact]) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    with install(target, tracer_provider=provider, threads=False) as bridge:
        for each in told:
            bridge.emit(each)
        assert bridge.force_flush()


def _views(queries: Queries, **asked: Any) -> list[dict[str, Any]]:
    """
    List steps by run and time.
    """
    rows = queries.step_views(**asked).dicts()
    return sorted(rows, key=lambda row: (row["run_id"], row["created_at"]))


def _ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["step_id"] for row in rows]


@pytest.mark.parametrize("rolled_back", [True, False])
@pytest.mark.parametrize("hidden", [True, False])
def test_what_was_taken_back_is_told_alike_in_a_run_and_its_session(
    target: str, rolled_back: bool, hidden: bool
) -> None:
    """
    Whatever is selected, the steps of a session are those of its runs, with the same flags;
    a rollback of one run takes back nothing of another.
    """
    how: dict[str, Any] = {"include_rolled_back": rolled_back, "include_hidden": hidden}
    with Queries(target) as queries:
        session = _views(queries, session_id="s", **how)
        runs = [row for run in sorted(STEPS) for row in _views(queries, run_id=run, **how)]
        both = _views(queries, session_id="s", run_id="one", **how)
    assert session == runs
    assert both == [row for row in session if row["run_id"] == "one"]
    assert ("two-1" in _ids(session), "all-1" in _ids(session)) == (True, rolled_back)


def test_rolled_back_hidden_and_condensed_steps_can_be_selected(target: str) -> None:
    """
    Each kind of step is there or not as asked for, and says what it is.
    """
    with Queries(target) as queries:
        everything = _views(queries, session_id="s", include_rolled_back=True)
        seen = _views(queries, session_id="s", include_hidden=False)
    assert sorted(_ids(everything)) == sorted(step for ids in STEPS.values() for step in ids)
    assert {row["step_id"] for row in everything if row["rolled_back"]} == {"one-3", "all-1"}
    assert _ids([row for row in everything if row["hidden"]]) == ["one-1"]
    condensed = [row for row in everything if row["condensed_content"] is not None]
    assert [(row["step_id"], row["content"], row["condensed_content"]) for row in condensed] == [
        ("one-2", "one-2", "short")
    ]
    assert _ids(seen) == ["all-2", "one-2", "one-4", "two-1", "two-2"]


def test_condensed_steps_are_selected_and_what_the_model_sees_is_given(target: str) -> None:
    """
    Condensed steps can be asked for alone or left out, and steps be given as they are shown.
    """
    with Queries(target) as queries:
        alone = queries.step_views(session_id="s", condensed=True).dicts()
        others = queries.step_views(session_id="s", condensed=False).dicts()
        every = queries.step_views(session_id="s").dicts()
        shown = queries.step_views(session_id="s", as_shown=True, include_rolled_back=True).dicts()
    assert [row["step_id"] for row in alone] == ["one-2"]
    assert sorted(_ids(others) + _ids(alone)) == sorted(_ids(every))
    assert {row["step_id"]: row["content"] for row in shown}["one-2"] == "short"
    assert not any(row["hidden"] or row["rolled_back"] for row in shown)


def test_steps_of_a_run_come_in_order_of_time(backend: Backend) -> None:
    """
    The steps of a run are listed in the order in which they were committed.
    """
    told = Told()
    _emit(
        backend.target,
        [
            told(facts.RunStarted, run_id="r"),
            told(facts.UserStepCommitted, run_id="r", step_id="asked", content="?"),
            told(facts.AssistantStepCommitted, run_id="r", step_id="answered", content="!"),
            told(facts.UserStepCommitted, run_id="r", step_id="asked again", content="?!"),
        ],
    )
    with Queries(backend.target) as queries:
        found = _ids(queries.step_views(run_id="r").dicts())
    assert found == ["asked", "answered", "asked again"]

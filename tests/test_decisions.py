"""
The latest decisions and the compactions of runs and sessions.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import pytest
from backends import Backend, ask
from opentelemetry.sdk.trace import TracerProvider
from otel_bridge_storage import facts
from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.log_rows import Compaction, DecisionState
from test_facts_stored import RUN, Told, story

from otel_bridge.bridge import install


def _emit(target: str, told: Sequence[facts.Fact]) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    with install(target, tracer_provider=provider, threads=False) as bridge:
        for each in told:
            bridge.emit(each)
            assert bridge.force_flush()


def _decisions(target: str, **asked: Any) -> DecisionState:
    found: DecisionState = ask(target, lambda runs: runs.get_decision_state(**asked))
    return found


def _compactions(target: str, **asked: Any) -> list[Compaction]:
    found: list[Compaction] = ask(target, lambda runs: runs.get_compactions(**asked))
    return found


def _kinds(state: DecisionState) -> dict[str, str]:
    found = {field.name: getattr(state, field.name) for field in fields(state)}
    return {name: event.event_type for name, event in found.items() if event is not None}


def test_every_kind_of_decision_is_found(backend: Backend) -> None:
    """
    The latest of each kind is there with index, time and data, the step-back among them,
    for the run as for its session.
    """
    _emit(backend.target, story())
    state = _decisions(backend.target, run_id=RUN)
    assert _kinds(state) == {
        "latest_termination": "termination.decided",
        "latest_compaction": "compaction.applied",
        "latest_compaction_failure": "compaction.failed",
        "latest_step_back": "retrospect.applied",
        "latest_rollback": "run.rolled_back",
        "latest_pause": "run.paused",
        "latest_resume": "run.resumed",
        "latest_approval_request": "approval.requested",
        "latest_approval_decision": "approval.decided",
    }
    events = {
        event.sequence_index: event
        for event in ask(backend.target, lambda runs: runs.get_events(RUN))
    }
    assert state.latest_step_back is not None
    assert state.latest_step_back == events[state.latest_step_back.sequence_index]
    assert state.latest_step_back.data["replacement"] == "short"
    assert _decisions(backend.target, session_id="s") == state


def test_decisions_are_those_up_to_an_index(backend: Backend) -> None:
    """
    As of an entry, what came later is not there yet.
    """
    _emit(backend.target, story())
    whole = _decisions(backend.target, run_id=RUN)
    assert whole.latest_compaction is not None
    before = whole.latest_compaction.sequence_index - 1
    assert set(_kinds(_decisions(backend.target, run_id=RUN, as_of=before))) == {
        "latest_pause",
        "latest_resume",
        "latest_approval_request",
        "latest_approval_decision",
    }
    assert _kinds(_decisions(backend.target, session_id="s", as_of=0)) == {}


def test_the_latest_decision_is_the_one_that_happened_last(backend: Backend) -> None:
    """
    Whichever run of a session they are in and in whatever order they come, the one with
    the latest time is the latest; another session's do not count.
    """
    told = Told()
    one = told(facts.RunStarted, run_id="one", session_id="s")
    two = told(facts.RunStarted, run_id="two", session_id="s")
    other = told(facts.RunStarted, run_id="other", session_id="else")
    early = told(facts.RunRolledBack, run_id="one", reason="early")
    late = told(facts.RunRolledBack, run_id="two", reason="late")
    last = told(facts.RunRolledBack, run_id="other", reason="not ours")
    _emit(backend.target, [one, two, other, late, early, last])
    found = _decisions(backend.target, session_id="s").latest_rollback
    assert found is not None
    assert (found.run_id, found.data["reason"]) == ("two", "late")
    found = _decisions(backend.target, run_id="one").latest_rollback
    assert found is not None
    assert found.data["reason"] == "early"


def test_compactions_are_listed_with_their_fields(backend: Backend) -> None:
    """
    Applied and failed ones come in order of time, in a run as in its session, each with
    what was told of it; what was not told is None.
    """
    told = Told()
    started = told(facts.RunStarted, session_id="s")
    failed = told(facts.CompactionFailed, error_type="E", error_message="m", attempt=1,
                  max_attempts=3, terminal=False)  # fmt: skip
    applied = told(facts.CompactionApplied, first_step_id="u1", last_step_id="a1",
                   before_tokens=90, after_tokens=9, message_count=2, summary="planned",
                   model="gpt-4o-mini")  # fmt: skip
    bare = told(facts.CompactionApplied)
    _emit(backend.target, [started, bare, applied, failed, told(facts.RunFinished)])
    found = _compactions(backend.target, run_id=RUN)
    assert [each.applied for each in found] == [False, True, True]
    first, second, third = found
    assert (first.error_type, first.error_message, first.terminal) == ("E", "m", False)
    assert (first.attempt, first.max_attempts, first.before_tokens) == (1, 3, None)
    assert (second.first_step_id, second.last_step_id, second.summary) == ("u1", "a1", "planned")
    assert (second.before_tokens, second.after_tokens, second.message_count) == (90, 9, 2)
    assert (second.model, second.error_type) == ("gpt-4o-mini", None)
    assert (third.before_tokens, third.summary, third.data) == (None, None, {})
    assert first.created_at < second.created_at < third.created_at
    assert _compactions(backend.target, session_id="s") == found
    assert _compactions(backend.target, session_id="t") == []


def test_what_a_newer_version_tells_does_not_disturb(backend: Backend) -> None:
    """
    Unknown kinds are passed over, and a field that is not of its type is unknown and kept.
    """
    told = Told()
    odd_fields: dict[str, Any] = {"before_tokens": "many", "after_tokens": True}
    odd = told(facts.CompactionApplied, **odd_fields)
    strange = told(facts.CustomFact, name="retrospect.undone", data={"why": None})
    _emit(backend.target, [told(facts.RunStarted), odd, strange])
    (found,) = _compactions(backend.target, run_id=RUN)
    assert (found.before_tokens, found.after_tokens) == (None, None)
    assert found.data["before_tokens"] == "many"
    assert set(_kinds(_decisions(backend.target, run_id=RUN))) == {"latest_compaction"}


def test_one_of_run_and_session_must_be_named(backend: Backend) -> None:
    """
    Both or neither is an error, and so is an index that is none.
    """
    _emit(backend.target, story()[:1])
    wrongs: tuple[dict[str, Any], ...] = (
        {},
        {"run_id": "r", "session_id": "s"},
        {"run_id": 3},
    )
    for wrong in wrongs:
        with pytest.raises(QueryError, match="run_id"):
            _decisions(backend.target, **wrong)
        with pytest.raises(QueryError, match="run_id"):
            _compactions(backend.target, **wrong)
    with pytest.raises(QueryError, match="as_of"):
        _decisions(backend.target, run_id="r", as_of="1")

"""
Steps of a run that grows: written as they come, they are those of the whole run.
"""

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from otel_bridge_storage import facts
from stored import rows
from trees import MS, NOON

from otel_bridge.bridge import install


def turns(count: int, chance: random.Random) -> list[facts.Fact]:
    """
    Tell a run of some turns in which steps are committed in every manner.
    """
    times = (NOON + number * MS for number in itertools.count())
    told: list[facts.Fact] = []

    def tell(kind: type[facts.Fact], **fields: Any) -> None:
        told.append(kind(run_id="r", time_ns=next(times), fact_id=f"f{len(told)}", **fields))

    tell(facts.RunStarted, agent_name="a", input=chance.choice(["do it", None]))
    tell(facts.UserStepCommitted, step_id="u", content="do it")
    for number in range(count):
        said = chance.choice(["yes", "no", f"answer {number}"])
        asked = [{"role": "user", "content": f"ask {number}"}]
        tell(facts.LLMCallStarted, call_id=f"c{number}", model="m", input=asked)
        tell(facts.LLMCallCompleted, call_id=f"c{number}", output=said, input_tokens=1)
        manner = chance.randrange(5)
        if manner < 3:
            named = {"call_id": f"c{number}"} if manner < 2 else {}
            tell(facts.AssistantStepCommitted, step_id=f"s{number}", content=said, **named)
        if chance.random() < 0.5:
            tell(facts.ToolStepStarted, tool_call_id=f"t{number}", tool_name="t")
            tell(facts.ToolStepCommitted, tool_call_id=f"t{number}", result=number)
        if chance.random() < 0.1:
            tell(facts.StepsHidden, step_ids=(f"s{number}",))
        if chance.random() < 0.1:
            tell(facts.StepCondensed, step_id=f"s{number}", content="short")
    return told


def steps(path: Path, told: list[facts.Fact], flushes: random.Random | None) -> list[Any]:
    """
    Record facts and read the steps, without the ids that spans were given.
    """
    provider = TracerProvider(shutdown_on_exit=False)
    with install(path, tracer_provider=provider, threads=False) as bridge:
        for fact in told:
            bridge.emit(fact)
            if flushes is not None and flushes.random() < 0.7:
                assert bridge.force_flush()
    return rows(
        path,
        """SELECT role, time_ns, committed, call_id, hidden, tool_call_id,
           (SELECT body FROM messages WHERE id = message),
           (SELECT body FROM messages WHERE id = condensed_message)
           FROM steps WHERE run_id = 'r' ORDER BY time_ns, ordinal, 7""",
    )


@pytest.mark.parametrize("seed", range(10))
def test_steps_written_as_they_come_are_those_of_the_whole(seed: int, tmp_path: Path) -> None:
    """
    However the facts fall into transactions, the steps are the same.
    """
    told = turns(8, random.Random(seed))
    whole = steps(tmp_path / "whole.db", told, None)
    assert steps(tmp_path / "grown.db", told, random.Random(seed + 100)) == whole
    assert len(whole) > 8


def test_a_call_that_is_told_after_its_step_makes_no_second_one(tmp_path: Path) -> None:
    """
    A committed step may come before the end of the call that it names.
    """
    told = [
        facts.RunStarted(run_id="r", time_ns=NOON, agent_name="a", input="do"),
        facts.LLMCallStarted(run_id="r", time_ns=NOON + MS, call_id="c", model="m"),
        facts.AssistantStepCommitted(
            run_id="r", time_ns=NOON + 3 * MS, step_id="s", content="yes", call_id="c"
        ),
        facts.LLMCallCompleted(run_id="r", time_ns=NOON + 2 * MS, call_id="c", output="yes"),
    ]
    always = random.Random()
    always.random = lambda: 0.0  # type: ignore[method-assign]
    found = steps(tmp_path / "runs.db", told, always)
    assert [(row[0], row[2]) for row in found] == [("user", 0), ("assistant", 1)]

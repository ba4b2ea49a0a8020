"""
The LangChain integration beside instrumentations of the client and of LangChain itself.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recording_data import environment, rows

CHILD = Path(__file__).with_name("langchain_child.py")
CLIENT = "openinference.instrumentation.openai"
FRAMEWORK = "openinference.instrumentation.langchain"

# Calls, input and output tokens that the model server's script returns, by way of asking.
ASKED = {"ainvoke": (3, 4835, 211), "invoke": (3, 4835, 211)}
STREAMED = {"astream": (1, 205, 24), "stream": (1, 205, 24)}
EVERY = ASKED | STREAMED

Program = Callable[..., tuple[Path, str]]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """
    Let the child ask its questions beside some instrumentations, and give the database and
    what was logged.
    """

    def run(ways: Any, *instrumentations: str) -> tuple[Path, str]:
        database = tmp_path_factory.mktemp("child") / "runs.db"
        done = subprocess.run(
            [sys.executable, str(CHILD), str(database), ",".join(ways), *instrumentations],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return database, done.stderr

    return run


def counted(database: Path) -> dict[str, tuple[int, int, int]]:
    """
    The calls that count and their tokens, by session.
    """
    found = rows(
        database,
        "SELECT r.session_id, count(*), sum(c.input_tokens), sum(c.output_tokens)"
        " FROM llm_calls c LEFT JOIN runs r ON r.run_id = c.run_id"
        " WHERE counted GROUP BY 1 ORDER BY 1",
    )
    return {session: tuple(told) for session, *told in found}


def test_the_real_client_is_recorded_without_any_instrumentation(program: Program) -> None:
    """
    Calls of the real client have the server's tokens and a price, a response id where
    LangChain keeps it, and the time to the first chunk where they are streamed.
    """
    database, _ = program(EVERY)
    assert counted(database) == EVERY
    found = rows(
        database,
        "SELECT DISTINCT r.session_id, response_id LIKE 'chatcmpl-%', time_to_first_chunk_ns > 0,"
        " response_model, c.cost_picousd > 0"
        " FROM llm_calls c JOIN runs r ON r.run_id = c.run_id ORDER BY 1",
    )
    asked, streamed = "gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18"
    assert found == [
        ("ainvoke", 1, None, asked, 1),
        ("astream", None, 1, streamed, 1),
        ("invoke", 1, None, asked, 1),
        ("stream", None, 1, streamed, 1),
    ]


def test_calls_that_the_client_reports_too_count_once(program: Program) -> None:
    """
    Beside an instrumentation of the client each call has two spans, counts once, has the
    provider's id, and belongs to the agent's one run, however the agent is called.
    """
    database, _ = program(EVERY, CLIENT)
    calls = sum(each[0] for each in EVERY.values())
    assert rows(database, "SELECT count(*) FROM llm_calls") == [(2 * calls,)]
    assert counted(database) == EVERY
    named = "SELECT count(*) FROM llm_calls WHERE counted AND response_id LIKE 'chatcmpl-%'"
    assert rows(database, named) == [(calls,)]
    assert rows(database, "SELECT agent_name, count(*) FROM runs") == [("planner", len(EVERY))]
    assert rows(database, "SELECT count(DISTINCT trace_id) FROM spans") == [(len(EVERY),)]


@pytest.mark.parametrize("others", [(FRAMEWORK,), (CLIENT, FRAMEWORK)])
def test_calls_that_langchain_reports_too_count_once(
    others: tuple[str, ...], program: Program
) -> None:
    """
    Beside an instrumentation of LangChain, alone or with one of the client, each call counts
    once, in the agent's run, however it is called; the double recording is warned of.
    """
    database, logged = program(EVERY, *others)
    assert "Use one of the two" in logged
    assert counted(database) == EVERY

"""
What is counted over the captures of real instrumentations.
"""

import random
from pathlib import Path

import captures
import pytest
from otel_bridge_storage.records import Arrival
from stored import picture, rows, store

from otel_bridge.otlp.decode import decode_logs, decode_traces

# These instrumentations do not send what the expectation holds; see docs of the captures.
_NO_CACHE_SENT = {"otel_openai_v2_default", "otel_openai_v2_latest"}
_TOOLS_SENT = {
    "double_openinference_langgraph_openai",
    "ms_agent_framework",
    "nested_agent_framework",
    "openinference_langgraph",
    "otel_genai_langchain",
}


def arrivals(name: str) -> list[Arrival]:
    """
    Read all spans and logs of a capture.
    """
    spans = [s for f in captures.files(name, "traces", "pb") for s in _spans(f)]
    logs = [r for f in captures.files(name, "logs", "pb") for r in _logs(f)]
    return [*spans, *logs]


def _spans(path: Path) -> list[Arrival]:
    return list(decode_traces(path.read_bytes()).records)


def _logs(path: Path) -> list[Arrival]:
    return list(decode_logs(path.read_bytes()).records)


@pytest.mark.parametrize("name", captures.names())
def test_calls_and_tokens_are_what_the_model_server_returned(name: str, tmp_path: Path) -> None:
    """
    Each call is one call and each token is counted once, whatever parents sum up.
    """
    truth = captures.expected(name)
    path = tmp_path / "runs.db"
    store(path, [arrivals(name)])
    ((calls, errors, given, answered, cached, reasoned),) = rows(
        path,
        """SELECT count(*), sum(status = 'error'), sum(input_tokens), sum(output_tokens),
           sum(cache_read_tokens), sum(reasoning_tokens) FROM llm_calls WHERE counted = 1""",
    )
    assert (calls, errors) == (truth["llm_calls"], truth["llm_errors"])
    tokens = truth["tokens"]
    if tokens is None or not truth["usage_returned_by_provider"]:
        assert (given, answered) == (None, None)
        return
    assert (given or 0) == tokens["input_total_incl_cache"]
    assert (answered or 0) == tokens["output_incl_reasoning"]
    if name not in _NO_CACHE_SENT:
        assert (cached or 0) == tokens["cache_read"]
        assert (reasoned or 0) == (tokens["reasoning"] or 0)


@pytest.mark.parametrize("name", sorted(set(captures.names()) - _NO_CACHE_SENT))
def test_cost_is_the_reference_cost(name: str, tmp_path: Path) -> None:
    """
    The sum over the calls equals the cost by the published prices, to the pico-dollar.
    """
    truth = captures.expected(name)
    path = tmp_path / "runs.db"
    store(path, [arrivals(name)])
    ((cost,),) = rows(path, "SELECT sum(cost_picousd) FROM llm_calls WHERE counted = 1")
    if not truth["tokens"] or not truth["usage_returned_by_provider"] or truth["llm_errors"]:
        assert cost is None
    else:
        assert cost == round(truth["reference_cost_usd"] * 10**12)


@pytest.mark.parametrize("name", sorted(_TOOLS_SENT))
def test_tools_and_their_failures_are_what_was_executed(name: str, tmp_path: Path) -> None:
    """
    Every executed tool is one call, and the one that failed is a failure.
    """
    truth = captures.expected(name)
    path = tmp_path / "runs.db"
    store(path, [arrivals(name)])
    found = rows(path, "SELECT tool_name, status = 'ok' FROM tool_calls WHERE counted = 1")
    assert sorted(found) == sorted((t["name"], int(t["ok"])) for t in truth["tools_executed"])


@pytest.mark.parametrize("name", captures.names())
def test_order_and_batching_of_a_capture_do_not_matter(name: str, tmp_path: Path) -> None:
    """
    Shuffled and delivered one by one, a capture gives the same runs, calls and steps.
    """
    sent = arrivals(name)
    store(tmp_path / "whole.db", [sent])
    whole = picture(tmp_path / "whole.db")
    for seed in range(3):
        shuffled = sent[:]
        random.Random(seed).shuffle(shuffled)
        path = tmp_path / f"{seed}.db"
        store(path, [[arrival] for arrival in shuffled])
        assert picture(path) == whole


@pytest.mark.parametrize("name", captures.names())
def test_a_capture_delivered_twice_is_stored_and_counted_once(name: str, tmp_path: Path) -> None:
    """
    A second delivery, in the same batch and later, changes nothing and is told as such.
    """
    sent = arrivals(name)
    store(tmp_path / "once.db", [sent])
    first, second = store(tmp_path / "twice.db", [[*sent, *sent], sent])
    assert picture(tmp_path / "twice.db") == picture(tmp_path / "once.db")
    assert first.duplicates == len(sent)
    assert (second.spans, second.logs, second.facts) == (0, 0, 0)
    assert second.duplicates == len(sent)

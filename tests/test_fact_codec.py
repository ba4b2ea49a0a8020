"""
The codec of facts: what is recorded as attributes is read back as the same fact.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otel_bridge_storage import facts
from otel_bridge_storage.fact_codec import (
    attributes_of,
    content_attributes,
    data_from_attributes,
    data_of,
    event_name,
    fact_from,
    kind_of,
)
from otel_bridge_storage.json_ready import json_ready

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
LIKE_JSON = ['{"a": 1}', "[1, 2]", '"quoted"', "[", "{}", '"[]"', "null", "7", "[NaN]"]
JSON_LIKE = st.sampled_from(LIKE_JSON)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    TEXT | JSON_LIKE | st.booleans() | NUMBERS,
    lambda inner: st.lists(inner | st.none()) | st.dictionaries(TEXT, inner | st.none()),
    max_leaves=8,
)


def values_for(declared: Any) -> st.SearchStrategy[Any]:
    """
    Values of a declared type, None among them.
    """
    inner = next((each for each in get_args(declared) if each is not type(None)), declared)
    origin = get_origin(inner) or inner
    if origin is tuple:
        return st.none() | st.lists(TEXT).map(tuple)
    if origin is Mapping:
        values = TEXT if get_args(inner)[1] is str else JSON
        return st.none() | st.dictionaries(TEXT, values)
    plain = {str: TEXT | JSON_LIKE, int: st.integers(), bool: st.booleans()}
    return st.none() | plain.get(origin, JSON)


def event_facts() -> st.SearchStrategy[facts.Fact]:
    """
    Facts of every type that is an event.
    """

    def of(kind: type[facts.Fact]) -> st.SearchStrategy[facts.Fact]:
        own = {each.name: values_for(each.type) for each in fields(kind)}
        own |= {"run_id": TEXT, "time_ns": st.integers(0), "fact_id": TEXT}
        return st.builds(kind, **own)

    return st.one_of([of(kind) for kind in facts.EVENT_FACTS])


def restored(fact: facts.Fact, data: Mapping[str, Any]) -> facts.Fact:
    """
    Make a fact of another's envelope and of data.
    """
    return fact_from(
        kind_of(fact),
        run_id=fact.run_id,
        time_ns=fact.time_ns,
        fact_id=fact.fact_id,
        iteration=fact.iteration,
        data=data,
    )


@given(event_facts())
def test_event_fact_survives_attributes_and_data(fact: facts.Fact) -> None:
    """
    Every event fact is the same after becoming attributes, data and JSON text.
    """
    data = data_from_attributes(kind_of(fact), attributes_of(fact))
    assert data == data_of(fact)
    assert restored(fact, json.loads(json.dumps(data, allow_nan=False))) == fact


@pytest.mark.parametrize("content", [*LIKE_JSON, ["a", 1], {"a": [None]}, [], {}, 7, 1.5, True])
def test_text_that_looks_like_json_stays_text(content: Any) -> None:
    """
    Content comes back as what it was: text as text, lists as lists.
    """
    fact = facts.UserStepCommitted(run_id="r", content=content)
    assert restored(fact, data_from_attributes(fact.kind, attributes_of(fact))) == fact


@given(st.dictionaries(TEXT, JSON, min_size=1))
def test_custom_fact_survives_attributes_and_data(data: dict[str, Any]) -> None:
    """
    A fact of the runtime's own keeps its name and its data.
    """
    fact = facts.CustomFact(run_id="r", name="acme.blocked", data=data)
    attributes = attributes_of(fact)
    assert attributes["otel_bridge.fact.custom"] is True
    assert event_name(fact) == "acme.blocked"
    assert restored(fact, data_from_attributes(kind_of(fact), attributes)) == fact


@given(event_facts())
def test_attributes_are_what_telemetry_can_carry(fact: facts.Fact) -> None:
    """
    Attributes are texts, booleans, 64-bit integers, floats or lists of texts.
    """
    for value in attributes_of(fact).values():
        if isinstance(value, list):
            assert all(isinstance(item, str) for item in value)
        elif type(value) is int:
            assert -(2**63) <= value < 2**63
        else:
            assert isinstance(value, str | bool | float)


def test_every_declared_attribute_is_written() -> None:
    """
    A fact with every field set writes the attribute that each field declares.
    """
    for kind in (*facts.SPAN_FACTS, *facts.EVENT_FACTS):
        own = {each.name: "x" for each in fields(kind) if each.name != "iteration"}
        own["time_ns"] = own["fact_id"] = None  # type: ignore[assignment]
        declared = {each.metadata["attribute"] for each in fields(kind) if each.metadata}
        written = attributes_of(kind(**own))  # type: ignore[arg-type]
        assert declared <= set(written)


def test_ids_of_calls_are_written() -> None:
    """
    The ids that open and close spans go to the attributes the facts document.
    """
    call = facts.LLMCallFailed(run_id="r", call_id="c-1")
    tool = facts.ToolStepStarted(run_id="r", tool_call_id="t-1", arguments='{"q": 1}')
    assert attributes_of(call) == {"otel_bridge.llm_call.id": "c-1"}
    assert attributes_of(tool) == {
        "gen_ai.tool.call.id": "t-1",
        "gen_ai.tool.call.arguments": '{"q": 1}',
    }


def test_unknown_kind_is_kept_as_a_custom_fact() -> None:
    """
    A kind of a newer version is a custom fact with all its data.
    """
    fact = fact_from("run.teleported", run_id="r", data={"to": "mars"})
    assert fact == facts.CustomFact(run_id="r", name="run.teleported", data={"to": "mars"})
    assert data_of(fact) == {"to": "mars"}


def test_unknown_field_of_a_known_kind_is_kept() -> None:
    """
    Data that a fact has no field for is kept, and the fact is still of its type.
    """
    data = {"reason": "approval", "deadline": [1, 2]}
    fact = fact_from("run.paused", run_id="r", data=data)
    assert isinstance(fact, facts.RunPaused)
    assert fact.reason == "approval"
    assert data_of(fact) == data
    assert data_from_attributes("run.paused", attributes_of(fact)) == data


def test_missing_id_is_no_error() -> None:
    """
    A stored call without its id is read, with an empty id.
    """
    assert fact_from("llm_call.started", run_id="r").kind == "llm_call.started"


def test_content_attributes_are_those_marked_as_content() -> None:
    """
    What people wrote is content; names and counts are not.
    """
    content = content_attributes()
    assert {"gen_ai.input.messages", "otel_bridge.pii.mapping", "otel_bridge.fact.data"} <= content
    assert not {"gen_ai.request.model", "otel_bridge.pause.reason", "user.id"} & content


class Hostile:
    """
    An object that raises when it is looked at.
    """

    def __repr__(self) -> str:
        """
        Raise, as a broken class does.
        """
        raise RuntimeError("no")


def test_what_json_cannot_hold_is_described() -> None:
    """
    Cycles, broken objects, bytes, sets and lone surrogates become plain JSON.
    """
    loop: list[Any] = []
    loop += [loop, loop]
    ready = json_ready(
        {1: loop, "h": Hostile(), "b": b"hi", "s": {"b", "a"}, "n": float("nan"), "u": "\ud800"}
    )
    assert json.loads(json.dumps(ready, allow_nan=False)) == ready
    assert ready["1"] == ["<list again>", "<list again>"]
    assert ready["h"] == "<Hostile: its repr raised RuntimeError>"
    assert ready["b"] == "aGk="
    assert ready["s"] == ["a", "b"]
    assert "\ud800" not in ready["u"]


@pytest.mark.parametrize("value", [2**70, -(2**64)])
def test_number_beyond_64_bits_is_text(value: int) -> None:
    """
    A number that OTLP cannot encode travels as text and comes back as the number.
    """
    fact = facts.CompactionApplied(run_id="r", before_tokens=value)
    attributes = attributes_of(fact)
    assert attributes == {"otel_bridge.compaction.before_tokens": str(value)}
    assert data_from_attributes(fact.kind, attributes) == {"before_tokens": value}

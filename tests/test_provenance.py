"""
Where the fields of a reading came from, told truly of any dialect.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import captures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_storage.readings import (
    CallReading,
    FactReading,
    LogReading,
    Reading,
    Role,
    ToolReading,
    Usage,
)
from otel_bridge_storage.records import (
    STATUS_ERROR,
    EventRecord,
    LogRecord,
    ResourceRecord,
    ScopeRecord,
    SpanRecord,
)

from otel_bridge.dialects import Dialects
from otel_bridge.dialects.provenance import FieldSource, Provenance, leaves, trace_reading
from otel_bridge.dialects.span_inputs import Input, InputKind, inputs_of, other_value, without
from otel_bridge.otlp import decode_traces

KIND = "made.up.kind"
TEXTS = ("call.provider", "call.request_model", "call.response_id", "session_id", "user_id")
COUNTS = ("call.usage.input_tokens", "call.usage.output_tokens", "iteration")
NAMES = tuple(f"made.up.{number}" for number in range(12))

Names = tuple[str, ...]


class MadeUp:
    """
    A reader of a dialect whose whole truth is a table of names.

    Args:
        table: For each field the attributes that may tell it, best first; `NAME/key` is
            the key of JSON in an attribute.
    """

    def __init__(self, table: Mapping[str, Names]) -> None:
        self.table = table
        self.spans = 0

    def read_span(self, span: SpanRecord) -> Reading:
        """
        Read a span by the table.
        """
        self.spans += 1
        if KIND not in span.attributes:
            return Reading()
        told = {path: self.told(span.attributes, path)[1] for path in self.table}
        call = {k.removeprefix("call."): v for k, v in told.items() if k.startswith("call.")}
        usage = {k.removeprefix("usage."): call.pop(k) for k in list(call) if "usage." in k}
        own = {k: v for k, v in told.items() if not k.startswith("call.")}
        if span.attributes[KIND] != "call":
            return Reading(dialect="made-up", **own)
        made = CallReading(usage=Usage(**usage), **call)
        return Reading(role=Role.LLM, dialect="made-up", call=made, **own)

    def told(self, attributes: Mapping[str, Any], path: str) -> tuple[str | None, Any]:
        """
        Give the attribute that tells a field, and the field.
        """
        fits = _is_count if path in COUNTS else _is_text
        for name in self.table[path]:
            attribute, _, key = name.partition("/")
            value = attributes.get(attribute)
            if key:
                value = _keyed(value, key)
            if fits(value):
                return attribute, value
        return None, None

    def read_event(self, event: EventRecord) -> FactReading | None:
        """
        Events tell nothing here.
        """
        return None

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Log records tell nothing here.
        """
        return None


def _keyed(value: Any, key: str) -> Any:
    try:
        return json.loads(value)[key]
    except (TypeError, ValueError, KeyError, IndexError):
        return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


@dataclass(frozen=True)
class Read:
    """
    A reader that is a function, for dialects of a few lines.
    """

    read_span: Callable[[SpanRecord], Reading]

    def read_event(self, event: EventRecord) -> FactReading | None:
        """
        Events tell nothing here.
        """
        return None

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Log records tell nothing here.
        """
        return None


def span_of(attributes: Mapping[str, Any], **fields: Any) -> SpanRecord:
    """
    Make a span.
    """
    return SpanRecord(trace_id="1" * 32, span_id="2" * 16, attributes=attributes, **fields)


def sources(told: Provenance) -> dict[str, list[str]]:
    """
    Give the labels of the sources of each field.
    """
    return {field.path: [one.label for one in field.sources] for field in told.fields}


simple = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 5),
    st.integers(10, 2**62),
    st.text(max_size=5),
    st.sampled_from(["a", "gpt", "7", "", "[1]", '{"k": 1}', '{"k": "x", "n": 5}', "[Scrubbed]"]),
    st.lists(st.integers(0, 3), max_size=2),
)
keyed = st.fixed_dictionaries(
    {}, optional={"k": st.sampled_from(["x", "", "y"]), "n": st.integers(0, 9)}
).map(json.dumps)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Names]:
    """
    Make a table in which no two fields have a name in common, but for keys of JSON.
    """
    free = list(draw(st.permutations(NAMES)))
    made = {}
    for path in (*TEXTS, *COUNTS):
        own = [free.pop() for _ in range(draw(st.integers(0, 2))) if free]
        if draw(st.booleans()):
            own.insert(0, f"json/{'n' if path in COUNTS else 'k'}")
        made[path] = tuple(own)
    return made


@settings(max_examples=150, deadline=None)
@given(
    table=tables(),
    values=st.dictionaries(st.sampled_from(NAMES), simple),
    body=st.one_of(st.none(), keyed),
    kind=st.sampled_from(["call", "other"]),
)
def test_the_source_of_a_field_is_what_told_it(
    table: dict[str, Names], values: dict[str, Any], body: str | None, kind: str
) -> None:
    """
    Whatever a dialect's names and a span's values, the attribute that told a field is its
    source, and any other source tells the very same by itself.
    """
    reader = MadeUp(table)
    attributes = {KIND: kind, "nobody.reads": "this", **values}
    if body is not None:
        attributes["json"] = body
    told = trace_reading(reader, span_of(attributes))
    assert [one.label for one in told.dialect_by] == [KIND]
    assert told.reading == reader.read_span(span_of(attributes))
    for path, labels in sources(told).items():
        if path not in table:
            continue
        name, value = reader.told(attributes, path)
        assert name in labels
        for other in labels:
            assert reader.told({other: attributes[other]}, path)[1] == value
        if value not in (0, ""):
            assert labels == [name]
    assert "nobody.reads" in [one.label for one in told.unused]


@settings(max_examples=60, deadline=None)
@given(table=tables(), values=st.dictionaries(st.sampled_from(NAMES), simple))
def test_what_is_unused_can_go(table: dict[str, Names], values: dict[str, Any]) -> None:
    """
    A span without one of the unused attributes is read the same.
    """
    reader, span = MadeUp(table), span_of({KIND: "call", **values})
    told = trace_reading(reader, span)
    for one in told.unused:
        assert reader.read_span(without(span, (one,))) == told.reading


def test_one_json_attribute_feeds_several_fields() -> None:
    """
    Each field that comes out of one attribute names it.
    """
    table = {"call.provider": ("json/k",), "call.usage.input_tokens": ("json/n", "made.up.1")}
    span = span_of({KIND: "call", "json": '{"k": "x", "n": 7}', "made.up.1": 7})
    told = trace_reading(MadeUp(table), span)
    found = sources(told)
    assert found["call.provider"] == found["call.usage.input_tokens"] == ["json"]
    assert [one.label for one in told.unused] == ["made.up.1"]


def test_what_decides_the_dialect_is_not_the_source_of_all() -> None:
    """
    The attribute that a dialect goes by is named as that, not beside each field.
    """
    table = {"call.provider": ("made.up.1",)}
    told = trace_reading(MadeUp(table), span_of({KIND: "call", "made.up.1": "x"}))
    assert [one.label for one in told.role_by] == [KIND]
    assert sources(told)["call.provider"] == ["made.up.1"]
    assert sources(told)["call.operation"] == []


def test_an_input_that_changes_the_dialect_tells_no_field() -> None:
    """
    What differs because another dialect reads the span is not put down to the input.
    """

    def read(span: SpanRecord) -> Reading:
        name = str(span.attributes.get("speaks", "plain"))
        return Reading(dialect=name, agent_name=f"agent of {name}")

    told = trace_reading(Read(read), span_of({"speaks": "one", "else": 1}))
    assert [one.label for one in told.dialect_by] == ["speaks"]
    assert sources(told) == {"agent_name": []}
    assert [one.label for one in told.unused] == ["else"]


def test_each_of_two_signs_of_a_dialect_is_named() -> None:
    """
    Where an attribute or the scope alone would do, neither hides the other.
    """
    span = span_of({"openinference.span.kind": "CHAIN"}, scope=ScopeRecord("openinference.x"))
    told = trace_reading(Dialects(), span)
    assert [one.label for one in told.dialect_by] == ["openinference.span.kind", "scope name"]


def test_signs_that_only_tell_together_are_named_together() -> None:
    """
    Where two pairs of attributes each make a dialect, one whole pair is named.
    """

    def read(span: SpanRecord) -> Reading:
        have = span.attributes
        known = ("a" in have and "b" in have) or ("c" in have and "d" in have)
        return Reading(role=Role.TOOL, dialect="pairs", tool=ToolReading(tool_name="t")) if (
            known
        ) else Reading()  # fmt: skip

    told = trace_reading(Read(read), span_of(dict.fromkeys("abcde", 1)))
    assert {one.label for one in told.dialect_by} == {"c", "d"}


def test_two_signs_of_a_failure_are_both_named() -> None:
    """
    A field that two inputs tell alike has both as its sources.
    """
    span = span_of(
        {"gen_ai.operation.name": "chat", "error.type": "timeout"}, status_code=STATUS_ERROR
    )
    assert sources(trace_reading(Dialects(), span))["failed"] == ["error.type", "status code"]


def test_a_zero_that_two_attributes_tell_has_both() -> None:
    """
    A count of zero that counts only beside others is found where two attributes tell it.
    """
    names = ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_tokens")
    usage = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5}
    told = trace_reading(Dialects(), span_of({**usage, **dict.fromkeys(names, 0)}))
    assert sources(told)["call.usage.cache_read_tokens"] == list(names)
    assert sources(told)["call.usage.input_tokens"] == ["gen_ai.usage.input_tokens"]


def test_inputs_beside_the_attributes_are_sources() -> None:
    """
    The name, the status message, events, scope and resource are found as sources too.
    """

    def read(span: SpanRecord) -> Reading:
        told = [e.attributes.get("said") for e in span.events if e.name == "note"]
        return Reading(
            dialect="wide",
            agent_name=span.name.removeprefix("agent ") or None,
            error_message=span.status_message or None,
            user_id=span.resource.attributes.get("user"),
            session_id=span.scope.attributes.get("session"),
            tenant_id=span.scope.name or None,
            tags=tuple(str(each) for each in told if each),
        )

    span = span_of(
        {},
        name="agent x",
        status_message="oh",
        events=(
            EventRecord("note", 1, {"said": "a"}),
            EventRecord("other", 2, {"said": "b"}),
            EventRecord("note", 3, {"said": "c"}),
        ),
        resource=ResourceRecord({"user": "u", "host": "h"}),
        scope=ScopeRecord("s", attributes={"session": "1"}),
    )
    told = trace_reading(Read(read), span)
    assert sources(told) == {
        "agent_name": ["span name"],
        "error_message": ["status message"],
        "user_id": ["resource attribute user"],
        "session_id": ["scope attribute session"],
        "tenant_id": ["scope name"],
        "tags": ["event note: said", "event #2 note: said"],
    }
    assert [one.label for one in told.unused] == ["event other"]


def test_a_span_of_no_dialect_has_no_sign_of_one() -> None:
    """
    Where no dialect reads a span, none of its inputs is said to decide that.
    """
    told = trace_reading(Dialects([]), span_of({"user.id": "u"}, name="n"))
    assert (told.dialect_by, told.role_by) == ((), ())
    assert sources(told) == {"user_id": ["user.id"]}


def test_very_many_attributes_are_read_by_families() -> None:
    """
    Attributes that differ in a number only are one input where there are hundreds, so
    that the span is not read hundreds of times.
    """
    messages = {f"m.{n}.text": f"t{n}" for n in range(400)} | {f"m.{n}.x": n for n in range(400)}

    class Counting:
        reads = 0

        def __call__(self, span: SpanRecord) -> Reading:
            self.reads += 1
            tags = tuple(str(v) for k, v in span.attributes.items() if k.endswith(".text"))
            return Reading(dialect="many", tags=tags, user_id=span.attributes.get("who"))

    counting = Counting()
    told = trace_reading(Read(counting), span_of({**messages, "who": "me"}))
    assert sources(told) == {"user_id": ["who"], "tags": ["m.*.text"]}
    assert [one.label for one in told.unused] == ["m.*.x"]
    assert counting.reads < 20


@pytest.mark.parametrize("name", captures.names())
def test_every_field_of_a_real_reading_is_explained(name: str) -> None:
    """
    Of real telemetry every field that says something is listed with its value, models and
    tokens have sources, and what is unused changes nothing, all of it together too.
    """
    reader = Dialects()
    for file in captures.files(name, "traces", "pb"):
        for span in decode_traces(file.read_bytes()).records:
            told = trace_reading(reader, span)
            listed = {field.path: field for field in told.fields}
            for path, value in leaves(told.reading):
                if value not in (None, False, (), {}):
                    assert listed[path].value == value
                if value is not None and ("model" in path or "tokens" in path):
                    assert listed[path].sources, (span.name, path)
            assert bool(told.dialect_by) == bool(told.reading.dialect)
            assert reader.read_span(without(span, told.unused)) == told.reading


def test_the_sources_of_a_real_call() -> None:
    """
    The fields of a call that OpenInference told have the attributes that it is known for.
    """
    (file,) = captures.files("openinference_openai", "traces", "pb")
    span = decode_traces(file.read_bytes()).records[0]
    found = sources(trace_reading(Dialects(), span))
    assert found["call.provider"] == ["llm.system"]
    assert found["call.usage.input_tokens"] == ["llm.token_count.prompt"]
    assert found["call.response_id"][0] == "output.value"


any_value: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
some_names = st.sampled_from(
    ["gen_ai.operation.name", "openinference.span.kind", "metadata", "input.value",
     "gen_ai.usage.input_tokens", "error.type", "exception.type", "gen_ai.input.messages"]
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    attributes=st.dictionaries(some_names, st.one_of(any_value, st.just("chat"), st.just("LLM"))),
    events=st.lists(
        st.builds(
            EventRecord,
            st.sampled_from(["exception", "gen_ai.choice", "otel_bridge.run.paused", ""]),
            st.just(1),
            st.dictionaries(some_names, any_value, max_size=2),
        ),
        max_size=2,
    ),
)
def test_any_value_anywhere_is_explained(
    attributes: dict[str, Any], events: list[EventRecord]
) -> None:
    """
    No value of a span makes the search fail, and the reading is the one it explains.
    """
    span = span_of(attributes, events=tuple(events))
    told = trace_reading(Dialects(), span)
    assert repr(told.reading) == repr(Dialects().read_span(span))
    known = set(inputs_of(span))
    assert all(set(field.sources) <= known for field in told.fields)


@settings(max_examples=200, deadline=None)
@given(any_value)
def test_another_value_is_of_the_same_kind(value: Any) -> None:
    """
    A changed value has the type of the old one, its sign, and JSON stays JSON; what says
    nothing stays as it is.
    """
    other = other_value(value)
    assert type(other) is type(value)
    if isinstance(value, str | bytes | list | dict):
        assert bool(other) == bool(value)
    if isinstance(value, int) and not isinstance(value, bool):
        assert (other == 0) == (value == 0)
        assert (other < 0) == (value < 0)
        assert value == 0 or other != value


@given(st.one_of(keyed, any_value.map(lambda v: json.dumps(v, default=str))))
def test_changed_json_is_json_of_the_same_shape(text: str) -> None:
    """
    JSON in an attribute is changed at its ends, not broken.
    """
    before, after = json.loads(text), json.loads(other_value(text))
    assert type(before) is type(after)
    if isinstance(before, dict):
        assert before.keys() == after.keys()


def test_a_field_source_is_a_plain_value() -> None:
    """
    What is given can be compared and kept.
    """
    one = Input(InputKind.ATTRIBUTE, "a")
    field = FieldSource(path="user_id", value="u", sources=(one,))
    assert replace(field, value="v") != field
    assert hash(one) == hash(Input(InputKind.ATTRIBUTE, "a"))

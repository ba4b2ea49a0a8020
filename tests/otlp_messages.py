"""
OTLP requests with every field drawn by hypothesis, and what tells two of them apart.
"""

import base64
import json
import math
from typing import Any

from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from google.protobuf.message_factory import (  # type: ignore[import-untyped]
    GetMessageClass,
)
from hypothesis import strategies as st

PROFILES_ONLY = {"key_strindex", "string_value_strindex"}
NESTING = 3
HEX = {"traceId", "spanId", "parentSpanId"}

IDS = {
    "trace_id": st.binary(min_size=15, max_size=15).map(lambda raw: raw + b"\1"),
    "span_id": st.binary(min_size=7, max_size=7).map(lambda raw: raw + b"\1"),
    "parent_span_id": st.binary(min_size=7, max_size=7).map(lambda raw: raw + b"\1")
    | st.just(b""),
}
TIMES = st.integers(0, 2**63 - 1)
TEXTS = st.text(max_size=8) | st.just("nul \0 and 🙂")
NUMBERS = {
    "TYPE_DOUBLE": st.floats() | st.sampled_from([-0.0, math.nan, math.inf, 5e-324]),
    "TYPE_INT64": st.integers(-(2**63), 2**63 - 1) | st.sampled_from([2**63 - 1, -(2**63)]),
    "TYPE_FIXED64": TIMES,
    "TYPE_UINT32": st.integers(0, 2**32 - 1),
    "TYPE_FIXED32": st.integers(0, 2**32 - 1),
    "TYPE_BOOL": st.booleans(),
    "TYPE_ENUM": st.integers(0, 5),
    "TYPE_STRING": TEXTS,
    "TYPE_BYTES": st.binary(max_size=8),
}


def field_type(field: Any) -> str:
    """
    Name a field's type as descriptors do.
    """
    names = {k: v for v, k in vars(type(field)).items() if v.startswith("TYPE_")}
    found: str = names[field.type]
    return found


def messages(descriptor: Any, level: int = 0) -> st.SearchStrategy[Any]:
    """
    Generate a message with any of the fields that its descriptor has.
    """
    kind = GetMessageClass(descriptor)

    @st.composite
    def build(draw: st.DrawFn) -> Any:
        message = kind()
        fields = [f for f in descriptor.fields if f.name not in PROFILES_ONLY]
        if descriptor.name == "AnyValue":
            plain = [f for f in fields if f.message_type is None or level < NESTING]
            fields = draw(st.lists(st.sampled_from(plain), max_size=1))
        for field in fields:
            fill(draw, message, field, level)
        return message

    return build()


def fill(draw: st.DrawFn, message: Any, field: Any, level: int) -> None:
    """
    Give one field of a message a value.
    """
    if field.message_type is not None:
        inner = messages(field.message_type, level + (field.message_type.name == "AnyValue"))
        if field.is_repeated:
            drawn = draw(st.lists(inner, max_size=2))
            getattr(message, field.name).extend(unique(drawn))
        else:
            getattr(message, field.name).CopyFrom(draw(inner))
            getattr(message, field.name).SetInParent()
        return
    values = IDS[field.name] if field.name in IDS else NUMBERS[field_type(field)]
    if field.is_repeated:
        getattr(message, field.name).extend(draw(st.lists(values, max_size=2)))
    else:
        setattr(message, field.name, draw(values))


def unique(drawn: list[Any]) -> list[Any]:
    """
    Leave out attributes whose key came before, which OTLP forbids.
    """
    if not drawn or drawn[0].DESCRIPTOR.name != "KeyValue":
        return drawn
    return list({message.key: message for message in drawn}.values())


def spans_of(request: Any) -> list[tuple[Any, Any, Any]]:
    """
    List the spans or log records of a request with what they belong to.
    """
    outer, inner, leaf = (
        ("resource_spans", "scope_spans", "spans")
        if hasattr(request, "resource_spans")
        else ("resource_logs", "scope_logs", "log_records")
    )
    return [
        (
            comparable(item),
            (comparable(group.resource), group.schema_url),
            (comparable(scoped.scope), scoped.schema_url),
        )
        for group in getattr(request, outer)
        for scoped in getattr(group, inner)
        for item in getattr(scoped, leaf)
    ]


def comparable(message: Any) -> Any:
    """
    Turn a message into plain data in which equal means the same, field by field.
    """
    if message.DESCRIPTOR.name == "AnyValue":
        which = message.WhichOneof("value")
        if which is None:
            return None
        value = getattr(message, which)
        return (which, comparable(value) if hasattr(value, "DESCRIPTOR") else exact(value))
    return {field.name: plain(message, field) for field in message.DESCRIPTOR.fields}


def plain(message: Any, field: Any) -> Any:
    """
    Get a field as plain data.
    """
    value = getattr(message, field.name)
    if field.name == "parent_span_id" and not any(value):
        return b""
    if field.message_type is None:
        return [exact(v) for v in value] if field.is_repeated else exact(value)
    return [comparable(v) for v in value] if field.is_repeated else comparable(value)


def exact(value: Any) -> Any:
    """
    Make NaN equal to itself and -0.0 different from 0.0.
    """
    return repr(value) if isinstance(value, float) else value


def as_otlp_json(message: Any) -> str:
    """
    Write a message as OTLP JSON, which is that of protobuf except for ids in hex digits.
    """
    return json.dumps(with_hex_ids(MessageToDict(message, use_integers_for_enums=True)))


def with_hex_ids(value: Any) -> Any:
    """
    Turn the ids of protobuf JSON, which are base64, into hex digits.
    """
    if isinstance(value, list):
        return [with_hex_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64decode(item).hex() if name in HEX else with_hex_ids(item)
        for name, item in value.items()
    }


def by_content(items: list[Any]) -> list[str]:
    """
    Put items in an order of their own, since equal groups are joined on the way.
    """
    return sorted(repr(item) for item in items)

"""
What the tests of single dialects share: spans of few words, and values of any kind.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

from hypothesis import strategies as st
from otel_bridge_storage.readings import Message
from otel_bridge_storage.records import ScopeRecord, SpanRecord

KEYS = [
    *("role", "content", "parts", "tool_calls", "function", "message", "usage", "kind", "id"),
    *("args", "kwargs", "inputs", "input_str", "output", "data", "tool_output"),
]
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(),
        st.text(max_size=12),
        st.sampled_from(["{", "[]", "{}", "[[]]", "{1:", "[{}]", '{"a": 1e999}', "\ud800"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=10,
)
"""
Values that no instrumentation would send, in the words of those that do.
"""


def attributes_of(names: Collection[str]) -> st.SearchStrategy[dict[str, Any]]:
    """
    Draw attributes of some names with any values, plain or as JSON or Python text.
    """
    written = st.one_of(VALUES, VALUES.map(lambda v: json.dumps(v, default=str)), VALUES.map(repr))
    return st.dictionaries(st.sampled_from(sorted(names)), written, max_size=6)


def span_of(
    attributes: Mapping[str, Any], *, scope: str = "", name: str = "s", **fields: Any
) -> SpanRecord:
    """
    Make a span.
    """
    told: dict[str, Any] = {"trace_id": "1" * 32, "span_id": "2" * 16, **fields}
    return SpanRecord(name=name, attributes=attributes, scope=ScopeRecord(name=scope), **told)


def parts(message: Message) -> list[dict[str, Any]]:
    """
    Give the parts of a message.
    """
    found: list[dict[str, Any]] = json.loads(message.body)["parts"]
    return found


def said(messages: Collection[Message]) -> list[tuple[str, Any]]:
    """
    Give the role and the first text, answer or tool's name of each message.
    """
    return [(message.role, _first(parts(message))) for message in messages]


def _first(told: list[dict[str, Any]]) -> Any:
    return next(
        (part[key] for part in told for key in ("content", "response", "name") if key in part),
        None,
    )

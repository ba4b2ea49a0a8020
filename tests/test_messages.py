"""
Messages of every client in the form of the GenAI conventions.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.messages import content_of, messages_of

TEXT_HI = [{"type": "text", "content": "hi"}]


@pytest.mark.parametrize(
    ("given_form", "expected"),
    [
        ("hi", [{"role": "user", "parts": TEXT_HI}]),
        (["hi"], [{"role": "user", "parts": TEXT_HI}]),
        (None, []),
        (
            {"answer": 1},
            [{"role": "user", "parts": [{"type": "text", "content": '{"answer":1}'}]}],
        ),
        ([{"role": "developer", "content": "hi"}], [{"role": "system", "parts": TEXT_HI}]),
        ([{"role": "user", "parts": TEXT_HI}], [{"role": "user", "parts": TEXT_HI}]),
        ([{"type": "text", "text": "hi"}], [{"role": "user", "parts": TEXT_HI}]),
        (
            [{"role": "user", "content": [
                {"type": "text", "text": "hi"},
                {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
            ]}],
            [{"role": "user", "parts": [
                *TEXT_HI,
                {"type": "uri", "modality": "image", "uri": "https://x/y.png"},
            ]}],
        ),
        (
            [{"role": "user", "content": [{"type": "image", "source": {
                "type": "base64", "media_type": "image/png", "data": "AAAA"}}]}],
            [{"role": "user", "parts": [{"type": "blob", "modality": "image",
                "mime_type": "image/png", "content": "AAAA"}]}],
        ),
        (
            [{"role": "tool", "tool_call_id": "c", "content": "sunny"}],
            [{"role": "tool", "parts": [
                {"type": "tool_call_response", "id": "c", "response": "sunny"}]}],
        ),
        (
            [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c",
                "content": [{"type": "text", "text": "sunny"}]}]}],
            [{"role": "tool", "parts": [
                {"type": "tool_call_response", "id": "c", "response": "sunny"}]}],
        ),
        (
            [{"type": "function_call_output", "call_id": "c", "output": "sunny"}],
            [{"role": "tool", "parts": [
                {"type": "tool_call_response", "id": "c", "response": "sunny"}]}],
        ),
        (
            [{"role": "assistant", "content": None, "tool_calls": [
                {"id": "c", "function": {"name": "f", "arguments": "not json"}}]}],
            [{"role": "assistant", "parts": [
                {"type": "tool_call", "id": "c", "name": "f", "arguments": "not json"}]}],
        ),
        (
            [{"role": "assistant", "reasoning_content": "hm", "content": "hi", "name": "a"}],
            [{"role": "assistant", "parts": [
                {"type": "reasoning", "content": "hm"}, *TEXT_HI], "name": "a"}],
        ),
        ([{"role": "assistant", "refusal": "no"}],
         [{"role": "assistant", "parts": [{"type": "refusal", "content": "no"}]}]),
    ],
)  # fmt: skip
def test_messages_of_every_client_become_the_conventions(given_form: Any, expected: Any) -> None:
    """
    Messages of each client become messages of the GenAI conventions, which stay as they
    are when they are converted again.
    """
    assert messages_of(given_form) == expected
    assert messages_of(expected) == expected


KEYS = st.sampled_from([
    "role", "parts", "type", "content", "text", "tool_calls", "function", "arguments", "name",
    "id", "source", "data", "url", "file", "input_audio", "image_url", "summary", "output",
    "reasoning", "refusal", "function_call", "tool_call_id",
])  # fmt: skip
VALUES = st.sampled_from([
    "text", "tool_call", "tool_result", "function_call", "reasoning", "thinking", "image",
    "file", "message", "tool", "user", "function_call_output", "refusal", "input_image",
])  # fmt: skip


@given(
    st.recursive(
        VALUES | st.none() | st.integers() | st.booleans(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
        max_leaves=12,
    )
)
def test_no_input_breaks_the_messages(value: Any) -> None:
    """
    Whatever is given, the result is messages with a role and typed parts.
    """
    for message in messages_of(value):
        assert isinstance(message["role"], str)
        assert all(isinstance(part["type"], str) for part in message["parts"])
    content_of(value)

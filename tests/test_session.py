"""
Sessions and the marks they leave on spans.
"""

import asyncio
import json
import logging
from typing import Any

import pytest
from opentelemetry import context as otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import INVALID_SPAN

from otel_bridge.session import current_session, mark, session

TRACER = TracerProvider().get_tracer("test")


def marked(**own: Any) -> dict[str, Any]:
    """
    Start a span with attributes of its own in the current context, and mark it.
    """
    span = TRACER.start_span("work", attributes=own)
    mark(span, otel.get_current())
    return dict(span.attributes or {})  # type: ignore[attr-defined]


def test_session_marks_a_span() -> None:
    """
    Every part of a session is an attribute of a span inside it.
    """
    with session("s-1", user_id="u-1", tags=["a"], metadata={"plan": {"tier": 2}}):
        assert marked() == {
            "gen_ai.conversation.id": "s-1",
            "session.id": "s-1",
            "user.id": "u-1",
            "otel_bridge.tags": ("a",),
            "otel_bridge.metadata": '{"plan":{"tier":2}}',
        }
    assert marked() == {}


def test_inner_session_wins() -> None:
    """
    Inside another session the inner one's words win; tags and metadata join.
    """
    outer = session("s-1", user_id="u-1", tags=["a", "b"], metadata={"x": 1, "y": 1})
    with outer, session("s-2", tags=["b", "c"], metadata={"y": 2}):
        found = marked()
    assert found["gen_ai.conversation.id"] == "s-2"
    assert found["user.id"] == "u-1"
    assert found["otel_bridge.tags"] == ("a", "b", "c")
    assert json.loads(found["otel_bridge.metadata"]) == {"x": 1, "y": 2}


def test_what_a_span_says_itself_stays() -> None:
    """
    A session does not overrule the span; its tags and metadata are added.
    """
    own = {
        "gen_ai.conversation.id": "own",
        "otel_bridge.tags": ["mine"],
        "otel_bridge.metadata": '{"x": 9}',
    }
    with session("s-1", tags=["a"], metadata={"x": 1, "y": 1}):
        found = marked(**own)
    assert found["gen_ai.conversation.id"] == found["session.id"] == "own"
    assert found["otel_bridge.tags"] == ("a", "mine")
    assert json.loads(found["otel_bridge.metadata"]) == {"x": 9, "y": 1}


def test_session_reaches_tasks_and_no_further() -> None:
    """
    Tasks started inside an async session see it; the code around it does not.
    """

    async def look() -> str | None:
        current = current_session()
        return current.session_id if current else None

    async def program() -> list[str | None]:
        async with session("s-1"):
            inside = await asyncio.create_task(look())
        return [inside, await look()]

    assert asyncio.run(program()) == ["s-1", None]


def test_leaving_in_another_task_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    """
    A session entered in one task and left in another neither raises nor logs.
    """

    async def program() -> None:
        entered = session("s-1")
        await asyncio.create_task(entered.__aenter__())
        await asyncio.create_task(entered.__aexit__(None, None, None))

    with caplog.at_level(logging.DEBUG, "opentelemetry"):
        asyncio.run(program())
    assert caplog.records == []


def test_odd_arguments_do_no_harm() -> None:
    """
    Numbers become text, a single tag a list, and a span that records nothing is left.
    """
    with session(7, tags="one", metadata={"o": object}):  # type: ignore[arg-type]
        found = marked()
        mark(INVALID_SPAN)
    assert found["session.id"] == "7"
    assert found["otel_bridge.tags"] == ("one",)
    assert json.loads(found["otel_bridge.metadata"]) == {"o": "<class 'object'>"}


def test_sessions_left_out_of_order_leave_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """
    Sessions left in the order they were entered leave none behind.
    """
    first, second = session("s-1"), session("s-2")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    inner = current_session()
    assert inner is not None
    assert inner.session_id == "s-2"
    second.__exit__(None, None, None)
    assert current_session() is None
    assert caplog.text == ""

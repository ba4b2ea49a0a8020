"""
The Recorder takes what it is given: odd arguments, odd functions, odd order of ends.
"""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import context as otel
from opentelemetry.trace import INVALID_SPAN, get_current_span
from spans import Spans, attributes, id_of, parent_of

from otel_bridge.call_handle import CallHandle
from otel_bridge.recorder import Recorder
from otel_bridge.run_handle import RunHandle
from otel_bridge.tool_handle import ToolHandle


class Hostile:
    """
    Refuses whatever is asked of it.
    """

    def _refuse(self, *_: Any) -> Any:
        raise ZeroDivisionError

    __str__ = __repr__ = __bool__ = __len__ = __iter__ = __eq__ = __getattr__ = _refuse
    __hash__ = None  # type: ignore[assignment]


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(),
    st.lists(st.integers()), st.dictionaries(st.integers(), st.text()),
    st.builds(object), st.builds(Hostile), st.builds(lambda: [Hostile()]),
    st.builds(lambda: {Hostile: Hostile()}), st.just(ValueError),
    st.builds(lambda: (1 for _ in "ab")), st.builds(ValueError, st.builds(Hostile)),
)  # fmt: skip
METHODS: tuple[tuple[type, str], ...] = tuple(
    (kind, name)
    for kind, names in (
        (Recorder, "run session emit llm_call tool_call step decide pause resume event"),
        (RunHandle, "finish fail cancel note step decide pause resume event llm_call tool_call"),
        (CallHandle, "response stream usage output note fail close"),
        (ToolHandle, "result note fail close"),
    )
    for name in names.split()
)


def thing(kind: type, recorder: Recorder) -> Any:
    """
    Make something that has the methods.
    """
    makes: dict[type, Callable[[], Any]] = {
        RunHandle: lambda: recorder.run("a"),
        CallHandle: recorder.llm_call,
        ToolHandle: lambda: recorder.tool_call("t"),
    }
    return makes[kind]() if kind in makes else recorder


@pytest.mark.parametrize(("kind", "name"), METHODS)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_argument_raises(kind: type, name: str, data: st.DataObject) -> None:
    """
    Whatever the arguments are, no method of the Recorder and its handles raises, and what
    it makes can be entered.
    """
    method = getattr(thing(kind, Recorder(Spans().tracer)), name)
    args, options = [], {}
    for parameter in inspect.signature(method).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            options["extra"] = data.draw(ODD)
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            options[parameter.name] = data.draw(ODD)
        else:
            args.append(data.draw(ODD))
    made = method(*args, **options)
    if name in ("run", "session", "llm_call", "tool_call"):
        with made:
            pass


@pytest.fixture
def spans() -> Spans:
    """
    A tracer and its spans.
    """
    return Spans()


@pytest.fixture
def recorder(spans: Spans) -> Recorder:
    """
    A recorder.
    """
    return Recorder(spans.tracer)


def test_odd_arguments_are_recorded_as_text(spans: Spans, recorder: Recorder) -> None:
    """
    A run with odd arguments is recorded with what they amount to.
    """
    with recorder.run(7, run_id=5, tags=5, metadata=[1], session_id=b"s"):  # type: ignore[arg-type]
        pass
    found = attributes(spans.only("invoke_agent 7"))
    assert found["otel_bridge.run.id"] == "5"
    assert "otel_bridge.tags" not in found
    assert "otel_bridge.metadata" not in found


def test_runs_left_out_of_order(spans: Spans, recorder: Recorder) -> None:
    """
    A run that ends before the one inside it is the parent of nothing that follows, and
    the one inside stays current until its own end.
    """
    outer, inner = recorder.run("outer"), recorder.run("inner")
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    with recorder.run("within"):
        pass
    inner.__exit__(None, None, None)
    assert get_current_span() is INVALID_SPAN
    with recorder.run("later"):
        pass
    assert parent_of(spans.only("invoke_agent within")) == id_of(spans.only("invoke_agent inner"))
    later = spans.only("invoke_agent later")
    assert parent_of(later) is None
    assert "otel_bridge.run.parent_id" not in attributes(later)


def test_many_runs_left_in_the_order_of_their_starts(spans: Spans, recorder: Recorder) -> None:
    """
    However many handles and sessions overlap, the context in the end is that of before.
    """
    before = otel.get_current()
    entered: list[Any] = [
        recorder.run("a"),
        recorder.session("s"),
        recorder.tool_call("t"),
        recorder.llm_call(),
        recorder.run("b"),
    ]
    for each in entered:
        each.__enter__()
    for each in entered:
        each.__exit__(None, None, None)
    assert otel.get_current() == before
    assert len(spans.ended) == 4


def test_task_of_an_ended_run_still_belongs_to_it(spans: Spans, recorder: Recorder) -> None:
    """
    What a task left behind by a run starts is the run's, also after the run's end.
    """

    async def late(ended: asyncio.Event) -> None:
        await ended.wait()
        for name in ("first", "second"):
            with recorder.run(name):
                pass

    async def main() -> None:
        ended = asyncio.Event()
        with recorder.run("outer"):
            task = asyncio.create_task(late(ended))
            await asyncio.sleep(0)
        ended.set()
        await task

    asyncio.run(main())
    outer = spans.only("invoke_agent outer")
    for name in ("first", "second"):
        assert parent_of(spans.only(f"invoke_agent {name}")) == id_of(outer)


def test_class_and_static_methods_are_recorded(spans: Spans, recorder: Recorder) -> None:
    """
    The decorators work above and below `classmethod` and `staticmethod`.
    """

    class Agents:
        @recorder.agent
        @classmethod
        def above(cls, question: str) -> str:
            return f"{cls.__name__} {question}"

        @classmethod
        @recorder.agent
        def below(cls, question: str) -> str:
            return f"{cls.__name__} {question}"

        @recorder.tool("look")
        @staticmethod
        def static(what: str) -> Iterator[str]:
            yield what

    assert Agents.above("q") == Agents().below("q") == "Agents q"
    assert list(Agents.static("x")) == ["x"]
    names = [span.name for span in spans.ended]
    assert names == ["invoke_agent above", "invoke_agent below", "execute_tool look"]


def test_what_cannot_be_decorated_is_refused_at_once(recorder: Recorder) -> None:
    """
    Something that is no function, and an option that a run does not have, are errors of
    set-up.
    """
    with pytest.raises(TypeError, match="only a function can be recorded"):
        recorder.agent("name")(property(lambda self: 1))  # type: ignore[type-var]
    with pytest.raises(TypeError, match="colour"):
        recorder.agent(colour="red")

"""
What any entry of the run log says, in a few words on one line.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from otel_bridge.cli.documents import to_json
from otel_bridge.cli.escape import one_line
from otel_bridge.cli.fact_lines import Told, fact_error, fact_line
from otel_bridge.cli.texts import count, duration, money

Data = Mapping[str, Any]

_TEXT_SHOWN = 200


def gist(event: Told) -> str:
    """
    Say what an entry is about; its kind, which stands beside it, is not repeated.
    """
    tell = _TELLERS.get(event.event_type)
    if tell is not None:
        parts = list(tell(event.data))
    else:
        told = fact_line(event).removeprefix(event.event_type).partition(": ")[2]
        parts = [told, fact_error(event) or ""]
    # Long texts are cut before they are folded, since folding them whole takes its time.
    shown = [one_line(part[: 2 * _TEXT_SHOWN]) for part in parts if part]
    return ", ".join(shown)[:_TEXT_SHOWN]


def failed(event: Told) -> bool:
    """
    Say whether the entry is that something failed.
    """
    return event.event_type.endswith(".failed") or event.data.get("is_error") is True


def _run_started(data: Data) -> Iterator[str]:
    yield str(data.get("agent_name") or "(no agent)")
    yield _said(data.get("input"))


def _run_finished(data: Data) -> Iterator[str]:
    yield str(data.get("termination_reason") or "")
    yield _said(data.get("output"))


def _failure(data: Data) -> Iterator[str]:
    told = (data.get("error_type"), data.get("error_message"))
    yield ": ".join(str(part) for part in told if part)


def _run_failed(data: Data) -> Iterator[str]:
    yield from _failure(data)
    if data.get("termination_reason") != data.get("error_type"):
        yield str(data.get("termination_reason") or "")


def _reason(data: Data) -> Iterator[str]:
    yield str(data.get("reason") or "")
    yield _said(data.get("message"))


def _llm_started(data: Data) -> Iterator[str]:
    yield str(data.get("model") or "(unknown model)")


def _llm_completed(data: Data) -> Iterator[str]:
    yield from _llm_started(data)
    for name, word in (("input_tokens", "in"), ("output_tokens", "out")):
        if data.get(name) is not None:
            yield f"{count(data[name])} {word}"
    if data.get("cost_usd") is not None or data.get("unpriced_reason"):
        yield money(data.get("cost_usd"))
    yield _took(data)


def _llm_failed(data: Data) -> Iterator[str]:
    yield from _llm_started(data)
    yield _took(data)
    yield from _failure(data)


def _tool_started(data: Data) -> Iterator[str]:
    yield str(data.get("tool_name") or "(unknown tool)")
    yield _value(data.get("arguments"))


def _tool_committed(data: Data) -> Iterator[str]:
    yield str(data.get("tool_name") or "(unknown tool)")
    yield _took(data)
    yield from _failure(data)
    yield _value(data.get("result"))


def _step(data: Data) -> Iterator[str]:
    yield _said(data.get("content"))


def _took(data: Data) -> str:
    return "" if data.get("duration_ms") is None else duration(data["duration_ms"])


def _value(value: Any) -> str:
    if value is None or value == "":
        return ""
    return value if isinstance(value, str) else to_json(value)


def _said(value: Any) -> str:
    """
    Give the text of a message, of some, or of parts of one.
    """
    if isinstance(value, list | tuple):
        return " ".join(text for item in value if (text := _said(item)))
    if not isinstance(value, Mapping):
        return _value(value)
    if value.get("type") == "tool_call":
        return f"asks for {value.get('name')}"
    held = next((value[name] for name in ("parts", "content") if name in value), None)
    return _said(held) if held is not None else _value(value)


_TELLERS: Mapping[str, Callable[[Data], Iterator[str]]] = {
    "run.started": _run_started,
    "run.finished": _run_finished,
    "run.failed": _run_failed,
    "run.cancelled": _reason,
    "run.paused": _reason,
    "llm_call.started": _llm_started,
    "llm_call.completed": _llm_completed,
    "llm_call.failed": _llm_failed,
    "tool.started": _tool_started,
    "tool.committed": _tool_committed,
    "step.user": _step,
    "step.assistant": _step,
}

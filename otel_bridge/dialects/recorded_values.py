"""
Values that tracing decorators record: arguments, results and metadata as JSON text.

    {"args": [], "kwargs": {"city": "Paris"}}
"""

import ast
from typing import Any

from otel_bridge_storage.readings import Message, RunReading

from otel_bridge.dialects import langchain_objects as langchain
from otel_bridge.dialects import lenient
from otel_bridge.dialects.chat_messages import text_message
from otel_bridge.dialects.exchange_objects import answer_in, request_messages


def plain(value: Any) -> Any:
    """
    Take a value out of its JSON text; a text that is not JSON stays as it is.
    """
    if not isinstance(value, str):
        return value
    parsed = lenient.parse_json(value)
    return value if parsed is None else parsed


def called_with(value: Any) -> Any:
    """
    Take the arguments of a function out of how a decorator or LangChain records them.

    LangChain gives a tool's arguments as Python writes them.
    """
    told = value if lenient.structure(value) is None else lenient.structure(value)
    if isinstance(told, str) and told[:1] in ("{", "["):
        try:
            told = ast.literal_eval(told)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return value
    if isinstance(told, dict) and "kwargs" in told and not told.keys() - {"args", "kwargs"}:
        return told if told.get("args") else told["kwargs"]
    return told


def run_of(asked: Any, answered: Any) -> RunReading:
    """
    Read an invocation of an agent from what it was given and what it gave.
    """
    return RunReading(
        input=conversation(asked, "user"), output=conversation(answered, "assistant")
    )


def conversation(value: Any, role: str) -> tuple[Message, ...]:
    """
    Read what an agent was asked, or what it answered.

    Of a state's messages, all of which are told again at every step, the answer is the
    last one. Arguments that are one text are that text; none are nothing.
    """
    try:
        return _conversation(value, role)
    except RecursionError:
        return ()


def _conversation(value: Any, role: str) -> tuple[Message, ...]:
    told = _only_argument(called_with(value))
    if told is None or told in ("", {}, []):
        return ()
    if isinstance(told, str):
        return (text_message(role, told),)
    found: tuple[Message, ...] = ()
    if isinstance(told, dict):
        found = langchain.state_messages(told, role)
    if not found and isinstance(told, (dict, list)):
        found = answer_in(told).output if role == "assistant" else request_messages(told)
    if found:
        return found[-1:] if role == "assistant" else found
    return (text_message(role, lenient.as_content(value) or ""),)


def _only_argument(told: Any) -> Any:
    """
    Take a single text or state out of the arguments of a function.
    """
    if not isinstance(told, dict):
        return told
    values = list(told.values())
    if "args" in told and not told.keys() - {"args", "kwargs"}:
        positional, named = told["args"], told.get("kwargs")
        values = list(positional) if isinstance(positional, list) else [positional]
        values += named.values() if isinstance(named, dict) else []
    return values[0] if len(values) == 1 and isinstance(values[0], (str, dict)) else told

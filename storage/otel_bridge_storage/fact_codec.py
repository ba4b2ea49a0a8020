"""
Facts as attributes and as data, and back, by what their fields declare.

Text that people wrote stays as it is in an attribute; maps and lists become JSON text.
In an event, a text that could be taken for JSON is written as a JSON string, so that
what is read back is what was recorded.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, make_dataclass
from types import UnionType
from typing import Any, get_args, get_origin

from otel_bridge_storage.facts import (
    EVENT_FACTS,
    FACTS_BY_KIND,
    PREFIX,
    SPAN_FACTS,
    CustomFact,
    Fact,
    LLMCallCompleted,
    LLMCallFailed,
    LLMCallStarted,
    ToolStepCommitted,
    ToolStepStarted,
)
from otel_bridge_storage.json_ready import json_ready, json_text
from otel_bridge_storage.values import clean

FACT_ID = "otel_bridge.fact.id"
ITERATION = "otel_bridge.iteration"
CUSTOM = "otel_bridge.fact.custom"
LLM_CALL_ID = "otel_bridge.llm_call.id"
TOOL_CALL_ID = "gen_ai.tool.call.id"

_DATA = "otel_bridge.fact.data"
_REQUIRED_IDS = {
    LLMCallStarted: ("call_id", LLM_CALL_ID),
    LLMCallCompleted: ("call_id", LLM_CALL_ID),
    LLMCallFailed: ("call_id", LLM_CALL_ID),
    ToolStepStarted: ("tool_call_id", TOOL_CALL_ID),
    ToolStepCommitted: ("tool_call_id", TOOL_CALL_ID),
}
_OF_EVERY_FACT = frozenset(field.name for field in fields(Fact))
_ENVELOPE = frozenset((FACT_ID, ITERATION, CUSTOM))
_LARGEST = 2**63


@dataclass(frozen=True, slots=True)
class _Column:
    """
    A field of a fact, the attribute that carries it, and the type it holds.
    """

    name: str
    attribute: str | None
    content: bool
    holds: type | None


def kind_of(fact: Fact) -> str:
    """
    Give the fact's kind, which for a custom fact is its own name.
    """
    return fact.name if isinstance(fact, CustomFact) else fact.kind


def event_name(fact: Fact) -> str:
    """
    Give the name of the span event that carries the fact.
    """
    return fact.name if isinstance(fact, CustomFact) else PREFIX + fact.kind


def content_attributes() -> frozenset[str]:
    """
    List the attributes that may hold what people wrote.
    """
    return _CONTENT


def attributes_of(fact: Fact) -> dict[str, Any]:
    """
    Write a fact's fields as attributes; what is None is left out.

    The run's id and the time are not among them: the span and the event say these.
    """
    exact = not isinstance(fact, SPAN_FACTS)
    written: dict[str, Any] = {}
    if fact.iteration is not None:
        written[ITERATION] = _encoded(fact.iteration, _ANYTHING, exact=False)
    if exact and fact.fact_id is not None:
        written[FACT_ID] = fact.fact_id
    if isinstance(fact, CustomFact):
        written[CUSTOM] = True
    for column in _columns(type(fact)):
        value = getattr(fact, column.name)
        if column.attribute is not None and value is not None:
            written[column.attribute] = _encoded(value, column, exact)
    for name, value in _extra(fact).items():
        written[name] = _encoded(value, _ANYTHING, exact=True)
    return written


def data_of(fact: Fact) -> dict[str, Any]:
    """
    Write a fact's own fields as data that JSON can hold; what is None is left out.

    A custom fact's data is its own.
    """
    if isinstance(fact, CustomFact):
        data = json_ready(fact.data or {})
        return data if isinstance(data, dict) else {"value": data}
    own = {column.name: getattr(fact, column.name) for column in _columns(type(fact))}
    return {
        name: json_ready(value)
        for name, value in (*own.items(), *_extra(fact).items())
        if value is not None
    }


def fact_from(
    kind: str,
    *,
    run_id: str,
    time_ns: int | None = None,
    fact_id: str | None = None,
    iteration: int | None = None,
    data: Mapping[str, Any] | None = None,
) -> Fact:
    """
    Make a fact of what the run log holds.

    Returns:
        The fact; a `CustomFact` where the kind is not known here. Data that the fact
        has no field for is kept in an attribute `extra` of the returned fact.
    """
    data = data or {}
    common: dict[str, Any] = {
        "run_id": run_id,
        "time_ns": time_ns,
        "fact_id": fact_id,
        "iteration": iteration,
    }
    known = FACTS_BY_KIND.get(kind)
    if known is None:
        return CustomFact(name=kind, data=dict(data) or None, **common)
    own = {
        column.name: _restored(data[column.name], column)
        for column in _columns(known)
        if column.name in data
    }
    for name in _required(known):
        own.setdefault(name, "")
    rest = {name: value for name, value in data.items() if name not in own}
    if not rest:
        return known(**common, **own)
    return _with_extra(known)(**common, **own, extra=rest)


def data_from_attributes(kind: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """
    Read the attributes of a fact's event as the fact's data.

    Attributes that the fact does not declare are kept under their own names.
    """
    rest = {name: value for name, value in attributes.items() if name not in _ENVELOPE}
    known = FACTS_BY_KIND.get(kind)
    data: dict[str, Any] = {}
    if known is None:
        held = _decoded(rest.pop(_DATA, None), _MAP)
        data |= held if isinstance(held, dict) else {}
    else:
        for column in _columns(known):
            if column.attribute in rest:
                data[column.name] = _decoded(rest.pop(column.attribute), column)
    for name, value in rest.items():
        data.setdefault(name, _decoded(value, _ANYTHING))
    return {name: value for name, value in data.items() if value is not None}


_ANYTHING = _Column("", None, content=True, holds=None)
_MAP = _Column("", None, content=True, holds=dict)
_COLUMNS: dict[type[Fact], tuple[_Column, ...]] = {}
_EXTENDED: dict[type[Fact], Callable[..., Fact]] = {}


def _columns(fact: type[Fact]) -> tuple[_Column, ...]:
    if fact not in _COLUMNS:
        _COLUMNS[fact] = _declared(fact)
    return _COLUMNS[fact]


def _declared(fact: type[Fact]) -> tuple[_Column, ...]:
    required = dict([_REQUIRED_IDS[base] for base in fact.__mro__ if base in _REQUIRED_IDS])
    return tuple(
        _Column(
            own.name,
            own.metadata.get("attribute", required.get(own.name)),
            bool(own.metadata.get("content")),
            _held_type(own.type),
        )
        for own in fields(fact)
        if own.name not in _OF_EVERY_FACT and own.name != "extra"
    )


def _required(fact: type[Fact]) -> tuple[str, ...]:
    own = (each for each in fields(fact) if each.name not in _OF_EVERY_FACT)
    return tuple(
        each.name for each in own if each.default is MISSING and each.default_factory is MISSING
    )


def _held_type(declared: Any) -> type | None:
    """
    Find what `X | None` holds; None where it may be anything.
    """
    if isinstance(declared, UnionType):
        declared = next(each for each in get_args(declared) if each is not type(None))
    held = get_origin(declared) or declared
    return held if isinstance(held, type) and held is not Any else None


def _with_extra(fact: type[Fact]) -> Callable[..., Fact]:
    if fact not in _EXTENDED:
        extra: Any = ("extra", Mapping[str, Any], field(default_factory=dict))
        _EXTENDED[fact] = make_dataclass(
            fact.__name__, [extra], bases=(fact,), frozen=True, slots=True, kw_only=True
        )
    return _EXTENDED[fact]


def _extra(fact: Fact) -> Mapping[str, Any]:
    extra = getattr(fact, "extra", None)
    return extra if isinstance(extra, Mapping) else {}


def _encoded(value: Any, column: _Column, exact: bool) -> Any:
    if isinstance(value, str):
        if column.holds is tuple:
            return [clean(value)]
        text = clean(str.__str__(value))
        return json_text(text) if exact and column.holds is None and _is_json(text) else text
    if isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return int(value) if -_LARGEST <= value < _LARGEST else str(value)
    if column.holds is tuple and isinstance(value, Sequence):
        return [clean(str(item)) for item in value]
    ready = json_ready(value)
    return ready if isinstance(ready, str) else json_text(ready)


def _decoded(value: Any, column: _Column) -> Any:
    if column.holds in (None, dict, Mapping):
        if isinstance(value, str):
            return json.loads(value, parse_constant=str) if _is_json(value) else value
        return json_ready(value)
    if column.holds is tuple and not isinstance(value, str):
        return list(value)
    if column.holds is int and isinstance(value, str) and value.lstrip("-").isdecimal():
        return int(value)
    return json_ready(value)


def _is_json(text: str) -> bool:
    """
    Say whether a text is the JSON of a list, a map or a string.
    """
    if not text.startswith(("[", "{", '"')):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _restored(value: Any, column: _Column) -> Any:
    is_list = column.holds is tuple and isinstance(value, list)
    return tuple(value) if is_list else value


_CONTENT = frozenset(
    column.attribute
    for fact in (*SPAN_FACTS, *EVENT_FACTS, CustomFact)
    for column in _columns(fact)
    if column.content and column.attribute is not None
)

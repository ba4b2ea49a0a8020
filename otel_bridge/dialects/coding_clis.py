"""
What the telemetry of the coding command lines has in common.

Their log records tell of calls, tools and prompts, with or without spans beside them, and
write numbers as text here and there.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_bridge_storage.log_identity import trace_id_of
from otel_bridge_storage.readings import Message, Usage
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.dialects import lenient
from otel_bridge.dialects.chat_messages import text_message
from otel_bridge.dialects.lenient import Names
from otel_bridge.dialects.stand_ins import stand_in
from otel_bridge.dialects.tokens import TokenNames, normal

_REDACTED = frozenset({"<REDACTED>", "[REDACTED]"})
_TRUE, _FALSE = frozenset({True, "true"}), frozenset({False, "false"})
_NUMBER = re.compile(r"\d{1,18}(\.\d{1,18})?([eE]-?\d{1,2})?")
_RUN_ID = "otel_bridge.run.id"


def number(attributes: Mapping[str, Any], names: Names) -> float | None:
    """
    Read a finite number that is not negative, or the digits of one.
    """
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        if 0 <= value < 2**63 and math.isfinite(value):
            return float(value)
    return None


def nanoseconds(attributes: Mapping[str, Any], names: Names) -> int:
    """
    Read a number of milliseconds as nanoseconds; 0 where it is not told.
    """
    return round(min(number(attributes, names) or 0.0, 9e12) * 1_000_000)


def flag(attributes: Mapping[str, Any], name: str) -> bool | None:
    """
    Read a truth value, or the word for one.
    """
    value = attributes.get(name)
    if not isinstance(value, (bool, str)):
        return None
    return True if value in _TRUE else False if value in _FALSE else None


def unredacted(attributes: Mapping[str, Any], *names: str) -> str | None:
    """
    Read a text that may have been left out for the sake of privacy.
    """
    found = (lenient.text(attributes, (name,)) for name in names)
    return next((text for text in found if text and text not in _REDACTED), None)


def said(role: str, text: str | None) -> tuple[Message, ...]:
    """
    Make the message of a text, if there is one.
    """
    return (text_message(role, text),) if text else ()


def token_echo(*parts: str | int | None) -> str:
    """
    Join what a span and a log record say alike of one call.
    """
    return ":".join("" if part is None else str(part) for part in parts)


def usage_apart(
    attributes: Mapping[str, Any],
    names: TokenNames,
    *,
    cache: bool = False,
    reasoning: bool = False,
    zeros_count: bool = False,
) -> Usage:
    """
    Read the usage of a call from a command line that counts parts beside their totals.

    Args:
        cache: The input is told without what a cache gave and took.
        reasoning: The output is told without the reasoning.
        zeros_count: Counts which are all zero are true.
    """
    told = {
        name: lenient.count(attributes, getattr(names, name))
        for name in ("input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning")
    }
    if cache and told["input"] is not None:
        told["input"] += (told["cache_read"] or 0) + (told["cache_write"] or 0)
    if reasoning and told["output"] is not None:
        told["output"] += told["reasoning"] or 0
    counts = {f"{name}_tokens": count for name, count in told.items()}
    return normal(Usage(**counts), zeros_count=zeros_count)


def run_of_conversation(conversation: str) -> str:
    """
    Give the id of the run for which a conversation stands outside any agent's span.
    """
    return trace_id_of(conversation)


def run_stand_in(
    log: LogRecord,
    name: str,
    *,
    run_id: str,
    conversation: str | None,
    span_id: str | None = None,
) -> SpanRecord:
    """
    Make a span of a run of which several records tell: it is at the top of its trace.
    """
    span = stand_in(
        log,
        name,
        conversation=conversation,
        span_id=span_id,
        attributes={**log.attributes, _RUN_ID: run_id},
    )
    return replace(span, parent_span_id=None)


def run_id_of(span: SpanRecord) -> str | None:
    """
    Read the run's id of a stand-in for a run.
    """
    return lenient.text(span.attributes, (_RUN_ID,))

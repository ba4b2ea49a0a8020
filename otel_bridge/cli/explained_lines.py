"""
The explanation of a span as lines for people.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from otel_bridge.cli.escape import one_line
from otel_bridge.cli.texts import counted, money

_NAMES_SHOWN = 12


def title(said: Mapping[str, Any]) -> tuple[str, str]:
    """
    Give the first line and its style: what the span is and whether it was counted.
    """
    name = one_line(said["name"]) or "(no name)"
    what = {"llm": "LLM call", "tool": "tool call", "run": "run of an agent"}.get(
        said["role"], "no call and no run"
    )
    if said["counted"] is None:
        return f"{name} – {what}", "bold"
    if said["counted"]:
        return f"{name} – {what}, counted", "bold green"
    return f"{name} – {what}, not counted: {one_line(said['not_counted_because'])}", "bold yellow"


def header(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """
    Give the names and texts of the lines below the title.
    """
    yield "span", f"{said['span_id']} of trace {said['trace_id']}"
    if said["told_by"] == "log record":
        names = ", ".join(said["log_records"])
        yield "told by", f"a log record ({names}): no instrumentation sent the span"
    elif said["log_records"]:
        yield "logs", counted(len(said["log_records"]), "log record")
    if said["scope"]:
        yield "scope", said["scope"]
    if said["service"]:
        yield "service", str(said["service"])
    yield (
        "dialect",
        _decided(said["dialect"] or "none: nothing in it is known", said["dialect_by"]),
    )
    yield "role", _decided(said["role"], said["role_by"])
    if said["role"] != said["stored_role"]:
        yield (
            "stored",
            f"as {said['stored_role']}, by an earlier version: `otel-bridge rebuild` brings "
            "the database up to date",
        )
    for each in said["bound"]:
        yield each["what"], f"{each['value']}: {_through(each)}"
    if said["parent_lost"]:
        yield "parent", "not in the database, so that nothing could be taken from it"


def unused(said: Mapping[str, Any]) -> str | None:
    """
    Say which attributes were kept though nothing came from them.
    """
    names = said["unused"]
    if not names:
        return None
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"kept, and nothing was read from them: {shown}{more}"


def price_line(price: Mapping[str, Any]) -> str:
    """
    Say what a call cost and by which prices, or why that is not known.
    """
    of = price["provider"] or "any provider"
    tier = f", service tier {price['service_tier']}" if price["service_tier"] else ""
    if price["cost_usd"] is None:
        return f"unpriced: {price['unpriced_reason']}{_now(price)}"
    by = f" by {price['prices']}" if price["prices"] else ""
    return f"{money(price['cost_usd'])}{by}: {price['model']} of {of}{tier}{_now(price)}"


def claimed_line(price: Mapping[str, Any]) -> str | None:
    """
    Set what the telemetry claimed beside the cost.
    """
    claimed, difference = price["emitted_cost_usd"], price["difference_usd"]
    if claimed is None:
        return None
    if difference is None:
        return f"the telemetry claims {money(claimed)}"
    if difference == 0:
        return f"the telemetry claims the same, {money(claimed)}"
    than = "more" if difference > 0 else "less"
    return f"the telemetry claims {money(claimed)}, {money(abs(difference))} {than}"


def _now(price: Mapping[str, Any]) -> str:
    if price["cost_now_usd"] == price["cost_usd"]:
        return ""
    if price["cost_now_usd"] is None:
        return f"; now unpriced: {price['unpriced_now_reason']}"
    return f"; the prices of now give {money(price['cost_now_usd'])}"


def _decided(what: str, by: Sequence[str]) -> str:
    return f"{what}, told by {', '.join(by)}" if by else what


def _through(each: Mapping[str, Any]) -> str:
    where = f"{one_line(each['span_name'] or '') or 'span'} {each['span_id']}"
    above = counted(each["steps"], "span")
    return {
        "own": "the span says it",
        "above": f"from {where}, {above} above" if each["span_id"] else "from a span above",
        "link": f"from {where}, {above} above by way of a link",
        "copy": f"from {where}, which shows the same call",
        "session": "no agent is above it, so that its session stands for a run",
        "trace": "no agent is above it, so that its trace stands for a run",
        "run": "from other spans of the run",
        "run above": f"from the run above, {where}",
    }[each["how"]]

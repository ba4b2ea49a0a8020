"""
The explanation of a span as rows: of tables for people, and of one list for programs.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from otel_bridge.cli.documents import to_json
from otel_bridge.cli.escape import one_line
from otel_bridge.cli.explained_lines import header, price_line
from otel_bridge.cli.tables import Row
from otel_bridge.cli.texts import UNKNOWN, counted, text
from otel_bridge.cli.values import plain
from otel_bridge.dialects.span_inputs import family_of

_SOURCES_SHOWN = 4
_LONGEST = 500
_MESSAGES = {"input": "input messages", "output": "output messages"}
_STEERING = frozenset({"precedence", "tells_start", "tells_end"})
_PRECEDENCES = ("the provider's own SDK", "the client", "a framework", "a log record")
_WITH_ROLE = "(goes with the role)"


def field_rows(said: Mapping[str, Any]) -> Iterator[Row]:
    """
    Give a line for each source of each field.
    """
    for each in said["fields"]:
        name = short_name(each["field"])
        sources = short_sources(each["from"])
        if not sources:
            if name in _STEERING:
                continue
            sources = [_WITH_ROLE]
        shown = sources[:_SOURCES_SHOWN]
        if len(sources) > _SOURCES_SHOWN:
            shown.append(f"and {len(sources) - _SOURCES_SHOWN} more")
        for at, source in enumerate(shown):
            yield {
                "field": "" if at else name,
                "value": "" if at else shown_value(name, each["value"]),
                "from": one_line(source),
            }


def member_rows(members: Sequence[Mapping[str, Any]]) -> list[Row]:
    """
    Give a line for each span that shows a call.
    """
    return [
        {
            **each,
            "relation": each["relation"] or "another copy",
            "what": each.get("tool_name")
            or each.get("response_model")
            or each.get("request_model"),
        }
        for each in members
    ]


def part_rows(price: Mapping[str, Any]) -> Iterator[Row]:
    """
    Give a line for each part of a call's cost.
    """
    for part in price["parts"]:
        rate = part["usd_per_million"]
        yield {**part, "usd_per_million": UNKNOWN if rate is None else f"{rate.normalize():f}"}


def flat_rows(said: Mapping[str, Any]) -> list[Row]:
    """
    Give the whole explanation as one list of part, name, value and where it is from.
    """
    rows = [_row("span", name, value) for name, value in header(said)]
    if said["counted"] is not None:
        rows.append(_row("counted", "counted", said["counted"], said["not_counted_because"]))
    for part in ("counted_instead", "copies", "summed_up_by"):
        rows += [_row(part, m["name"], m["span_id"], m["relation"]) for m in said[part]]
    rows += [_row("field", f["field"], plain(f["value"]), f["from"]) for f in said["fields"]]
    rows += [_row("unused", name, None) for name in said["unused"]]
    if said["price"]:
        rows.append(
            _row("price", "cost_usd", said["price"]["cost_usd"], price_line(said["price"]))
        )
        rows += [
            _row("price", p["part"], p["cost_usd"], f"{p['tokens']} × {p['usd_per_million']}")
            for p in said["price"]["parts"]
        ]
        rows.append(_row("price", "emitted_cost_usd", said["price"]["emitted_cost_usd"]))
    rows += [_row("check", c["field"], c["told"], f"{c['verdict']}: {c['calls']}")
             for c in said["check"]]  # fmt: skip
    return rows


def short_name(path: str) -> str:
    """
    Name a field without the part of the reading it is in.
    """
    name = path.rpartition(".")[2]
    return _MESSAGES.get(name, name)


def short_sources(labels: Sequence[str]) -> list[str]:
    """
    Put labels that differ in a number only into one.
    """
    families: dict[str, list[str]] = {}
    for label in labels:
        families.setdefault(family_of(label), []).append(label)
    return [family if len(own) > 1 else own[0] for family, own in families.items()]


def shown_value(name: str, value: Any) -> str:
    """
    Show a value on one line; messages by their number.
    """
    if name in _MESSAGES.values():
        return counted(value if isinstance(value, int) else len(value), "message")
    if name == "facts":
        return counted(len(value), "fact")
    if name == "precedence":
        return f"{value}: {_PRECEDENCES[value]}" if value in range(4) else str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        value = to_json(value)
    return one_line(text(value)[:_LONGEST])


def _row(part: str, name: str, value: Any, source: Any = None) -> Row:
    return {"part": part, "name": name, "value": value, "from": source}

"""
`otel-bridge compare`: two periods, models, tags or other choices of calls, side by side.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import typer
from otel_bridge_queries import Filters

from otel_bridge.cli.analysis_columns import COMPARED
from otel_bridge.cli.filtering import metadata_of
from otel_bridge.cli.formats import Format
from otel_bridge.cli.grouped import print_grouped
from otel_bridge.cli.output import note
from otel_bridge.cli.reports import GROUP_KEYS, group_keys, report, with_whole_run
from otel_bridge.cli.texts import cost, money

_PERIOD = re.compile(r"(\d{1,6})\s*([smhdw])", re.ASCII)
_METADATA = "metadata."
_SHORT = {**GROUP_KEYS, "tenant": "tenant_id"}

Sides = tuple[dict[str, Any], dict[str, Any]]


def compare(
    *,
    db: str,
    form: Format,
    sides: Sides,
    by: Sequence[str] | None,
    filters: Mapping[str, Any],
    limit: int | None,
) -> int:
    """
    Print both sides, and say below a table what they are.
    """
    keys = group_keys(by or ())
    chosen = with_whole_run(db, filters)
    a, b = (cast(Filters, with_whole_run(db, side)) for side in sides)
    result = report(db, lambda queries: queries.compare(a, b, by=keys, **chosen, limit=limit))
    costs = list(map(_costs, result))
    print_grouped(result, keys, COMPARED, form, empty="no model calls match", added=costs)
    if form is Format.TABLE and result.rows:
        note(f"a is {_said(sides[0])}; b is {_said(sides[1])}")
    return 0


def sides_of(
    a: str | None, b: str | None, models: str | None, tags: str | None, periods: str | None
) -> Sides:
    """
    Read what is to be compared, which is one of four ways to say it.

    Raises:
        typer.BadParameter: It is none of them, several, or makes no sense.
    """
    pair = None if a is None and b is None else (a, b)
    ways = {"--a and --b": pair, "--models": models, "--tags": tags, "--periods": periods}
    given = [name for name, value in ways.items() if value is not None]
    if len(given) != 1 or (pair is not None and None in pair):
        raise typer.BadParameter(
            "say what to compare by one of --a with --b, --models, --tags and --periods"
        )
    if pair is not None:
        return _side("--a", a or ""), _side("--b", b or "")
    if models is not None:
        return _two("--models", "model", models)
    if tags is not None:
        return _two("--tags", "tag", tags)
    return _periods(periods or "")


def _two(option: str, name: str, typed: str) -> Sides:
    names = [each.strip() for each in typed.split(",")]
    if len(names) != len(("a", "b")) or not all(names):
        raise typer.BadParameter(f"{option} {typed!r} is not two names with a comma between")
    return {name: names[0]}, {name: names[1]}


def _periods(typed: str) -> Sides:
    match = _PERIOD.fullmatch(typed.strip())
    if match is None or int(match[1]) == 0:
        raise typer.BadParameter(f"--periods {typed!r} is not a length such as 7d, 36h or 4w")
    number, unit = int(match[1]), match[2]
    begun = f"{number}{unit}"
    return {"since": f"{2 * number}{unit}", "until": begun}, {"since": begun}


def _side(option: str, typed: str) -> dict[str, Any]:
    side: dict[str, Any] = {}
    for part in typed.split(","):
        name, equals, value = (each.strip() for each in part.partition("="))
        if not equals or not name:
            raise typer.BadParameter(f"{option} {typed!r} is not NAME=VALUE[,NAME=VALUE]")
        if name.startswith(_METADATA):
            wishes = metadata_of([f"{name.removeprefix(_METADATA)}={value}"])
            side["metadata"] = {**side.get("metadata", {}), **wishes}
        else:
            side[_SHORT.get(name, name)] = value
    return side


def _said(side: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in side.items())


def _costs(row: Mapping[str, Any]) -> dict[str, str]:
    change, ratio = row["cost_usd_difference"], row["cost_usd_ratio"]
    return {
        "_cost_a": cost(row["cost_usd_a"], row["unpriced_calls_a"]),
        "_cost_b": cost(row["cost_usd_b"], row["unpriced_calls_b"]),
        "_cost_change": "–" if change is None else _change(change, ratio),
    }


def _change(change: float, ratio: float | None) -> str:
    sign = "-" if change < 0 else "+" if change > 0 else ""
    percent = "" if ratio is None else f" ({ratio - 1:+.0%})"
    return f"{sign}{money(abs(change))}{percent}"

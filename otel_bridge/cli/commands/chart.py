"""
`otel-bridge chart`: a report as a picture.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from otel_bridge_queries import Queries, Result
from otel_bridge_storage.errors import OtelBridgeError, QueryError

from otel_bridge.charts import Chart, Kind, chart, drawn_measure
from otel_bridge.cli.reports import group_keys, report, with_whole_run
from otel_bridge.cli.texts import counted

_GROUPS = {
    "cost": ["model"],
    "tokens": ["model"],
    "latency": ["model"],
    "tools": ["tool_name"],
    "unpriced": ["provider", "model"],
}


def draw(
    *,
    db: str,
    name: str,
    output: Path | None,
    by: Sequence[str] | None,
    over: str | None,
    measure: str | None,
    kind: Kind | None,
    filters: Mapping[str, Any],
    title: str | None,
    top: int,
    width: int,
) -> int:
    """
    Draw a report into a file, or as SVG on standard output.

    Raises:
        typer.BadParameter: The report cannot be drawn so.
        OtelBridgeError: An SVG would be written to a terminal.
    """
    if output is None and sys.stdout.isatty():
        raise OtelBridgeError("a picture is not for a terminal: name a file with --output")
    chosen = with_whole_run(db, filters)
    keys = group_keys(by) if by else list(_usual(name, over, kind))
    period = [over] if over else []

    def question(queries: Queries) -> Result:
        answer: Result = getattr(queries, name)(by=[*keys, *period], **chosen)
        return answer

    result = report(db, question)
    said = _title(name, keys, over, kind) if title is None else title
    try:
        figure = (
            "" if _is_band(keys, over, measure, name) else drawn_measure(result, measure).label
        )
        drawn = chart(
            result,
            measure=measure,
            kind=kind,
            title=said,
            note=_note(result, chosen, figure if figure != name.capitalize() else ""),
            top=top,
            width=width,
        )
        _write(drawn, output)
    except QueryError as exc:
        raise typer.BadParameter(str(exc)) from exc
    return 0


def _is_band(keys: Sequence[str], over: str | None, measure: str | None, name: str) -> bool:
    return name == "latency" and over is not None and not keys and measure is None


def _usual(name: str, over: str | None, kind: Kind | None) -> Sequence[str]:
    if (name == "latency" and over) or kind in ("heat", "percentiles"):
        return ()
    return _GROUPS.get(name, ())


def _write(drawn: Chart, output: Path | None) -> None:
    if output is None or output == Path("-"):
        sys.stdout.write(drawn.svg() + "\n")
    else:
        drawn.save(output)


def _title(name: str, keys: Sequence[str], over: str | None, kind: Kind | None) -> str:
    if kind == "heat":
        return f"{name.capitalize()} by weekday and hour"
    groups = [key.removesuffix("_name").removesuffix("_id") for key in keys]
    by = f" by {', '.join(groups)}" if groups else ""
    return f"{name.capitalize()}{by}{f', each {over}' if over else ''}"


def _note(result: Result, filters: Mapping[str, Any], figure: str) -> str:
    said = [figure] if figure else []
    said += [
        f"{name.removesuffix('_name').removesuffix('_id')} {value}"
        for name, value in filters.items()
        if value is not None and name != "timezone"
    ]
    said.append(str(filters.get("timezone") or "UTC"))
    if "cost_usd" in result.columns:
        unpriced = sum(row["unpriced_calls"] for row in result)
        if unpriced:
            said.append(f"{counted(unpriced, 'call')} without a price left out")
    return " · ".join(said)

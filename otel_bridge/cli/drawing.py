"""
What can be typed to get something to look at: a chart, or the report as a page.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from otel_bridge.cli import options
from otel_bridge.cli.filtering import Filters, filtered


def add_commands(command: options.Command) -> None:
    """
    Make the commands of this module part of the program.

    Args:
        command: Gives what registers a function under a name.
    """
    command("chart")(_chart)
    command("report")(_report)


@filtered()
def _chart(
    *,
    report: Annotated[
        Literal["cost", "tokens", "latency", "tools", "errors", "unpriced"],
        typer.Argument(help="What to draw."),
    ],
    db: options.Db = options.DEFAULT_DB,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="An .svg or a .png. [default: SVG on standard output]",
        ),
    ] = None,
    by: options.By = None,
    over: Annotated[
        Literal["hour", "day", "week", "month"] | None,
        typer.Option("--over", help="Draw over time, a point or column for each of these."),
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which figure, such as llm_calls or p99_ms."),
    ] = None,
    kind: Annotated[
        Literal["bars", "columns", "lines", "percentiles", "heat"] | None,
        typer.Option("--kind", help="The form; heat is by weekday and hour. [default: what fits]"),
    ] = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="What stands above.")] = None,
    top: Annotated[
        int, typer.Option(min=1, max=50, help="How many groups are drawn by themselves.")
    ] = 8,
    width: Annotated[int, typer.Option(min=280, max=4000, help="In pixels.")] = 800,
    filters: Filters,
) -> int:
    """
    Draw a report as SVG or PNG.

    A PNG needs the extra charts: pip install 'otel-bridge[charts]'.
    """  # fmt: skip
    from otel_bridge.cli.commands.chart import draw

    return draw(
        db=db,
        name=report,
        output=output,
        by=by,
        over="hour" if kind == "heat" else over,
        measure=measure,
        kind=kind,
        filters=filters,
        title=title,
        top=top,
        width=width,
    )


@filtered()
def _report(
    *,
    html: Annotated[
        Path, typer.Option("--html", metavar="FILE", help="The page; - is standard output.")
    ],
    db: options.Db = options.DEFAULT_DB,
    title: Annotated[str, typer.Option(metavar="TEXT", help="Its title.")] = "Agent report",
    filters: Filters,
) -> int:
    """
    Write cost, latency, tools and errors as one HTML page.

    The page holds all it needs: it can be sent, opened from a disk and printed.
    """
    from otel_bridge.cli.commands.report import report

    return report(db=db, html=html, filters=filters, title=title)

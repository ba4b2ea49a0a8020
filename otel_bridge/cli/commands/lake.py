"""
`otel-bridge export --lake`: Parquet files by day, for engines beyond this machine.
"""

from collections.abc import Sequence
from datetime import datetime

import typer
from otel_bridge_queries.lake import Exported
from otel_bridge_storage.errors import QueryError

from otel_bridge.cli.output import write_line
from otel_bridge.cli.progress import progress
from otel_bridge.cli.texts import counted
from otel_bridge.lake import export_lake


def lake(
    *,
    db: str,
    place: str,
    tables: Sequence[str],
    since: datetime | None,
    content: bool,
    exporter: str | None,
    s3_endpoint: str | None,
    dry_run: bool,
) -> int:
    """
    Bring a lake up to date, and say how much of it changed.

    Raises:
        typer.BadParameter: A table, name or time makes no sense.
    """
    named = [name.strip() for text in tables for name in text.split(",") if name.strip()]
    with progress("files", None) as done:
        try:
            exported = export_lake(
                db,
                place,
                tables=named or None,
                since=since,
                content=content,
                exporter=exporter,
                s3_endpoint=s3_endpoint,
                dry_run=dry_run,
                progress=lambda _written, _total: done(1),
            )
        except QueryError as error:
            raise typer.BadParameter(str(error)) from error
    write_line(f"{place}: {_said(exported, dry_run=dry_run)}")
    return 0


def _said(exported: Exported, *, dry_run: bool) -> str:
    would = "would be " if dry_run else ""
    files, rows = counted(exported.written, "file"), counted(exported.rows, "row")
    return (
        f"{files} {would}written with {rows}, "
        f"{exported.unchanged:,} unchanged, {exported.removed:,} {would}removed"
    )

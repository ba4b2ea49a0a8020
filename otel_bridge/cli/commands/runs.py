"""
`otel-bridge runs`: the list of runs, the latest first.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import typer
from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.rows import RunSummary
from otel_bridge_storage.run_store import RunStore

from otel_bridge.cli.destination import write_binary, written_to
from otel_bridge.cli.formats import BINARY, Format
from otel_bridge.cli.layout import Column
from otel_bridge.cli.output import note, write_rows
from otel_bridge.cli.record_columns import result_of
from otel_bridge.cli.stories import ask, find_run
from otel_bridge.cli.texts import cost, count, duration, minute, moment
from otel_bridge.cli.values import record

COLUMNS = (
    Column(key="run_id", header="run", least=8, prefix=True),
    Column(key="agent_name", header="agent", least=10),
    Column(key="status", header="status"),
    Column(key="started_at", header="started (UTC)", show=minute, rank=3),
    Column(key="last_seen_at", header="last seen (UTC)", show=moment, rank=3),
    Column(key="duration_ms", header="took", show=duration, right=True, rank=2),
    Column(key="llm_calls", header="calls", show=count, right=True, rank=5),
    Column(key="tool_calls", header="tools", show=count, right=True, rank=5),
    Column(key="total_input_tokens", header="in", show=count, right=True, rank=4),
    Column(key="total_output_tokens", header="out", show=count, right=True, rank=4),
    Column(key="_cost", header="cost", right=True, rank=1),
    Column(key="model", header="model", rank=6, least=12),
    Column(key="session_id", header="session", rank=7, least=10),
    Column(key="user_id", header="user", rank=8, least=8),
    Column(key="parent_run_id", header="parent", rank=9, least=8, prefix=True),
)


def runs(
    *,
    db: str,
    form: Format,
    output: Path | None = None,
    status: Sequence[str] = (),
    agent: str | None = None,
    session: str | None = None,
    user: str | None = None,
    tenant: str | None = None,
    parent: str | None = None,
    tag: str | None = None,
    service: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> int:
    """
    Print the runs that match.

    Raises:
        typer.BadParameter: A filter or the cursor makes no sense.
    """
    wanted: dict[str, Any] = {
        "status": list(status) or None,
        "agent_name": agent,
        "session_id": session,
        "user_id": user,
        "tenant_id": tenant,
        "tag": tag,
        "service": service,
        "started_after": since,
        "started_before": until,
    }

    async def matching(store: RunStore) -> tuple[list[RunSummary], int, str | None]:
        filters = dict(wanted)
        if parent is not None:
            filters["parent_run_id"] = await find_run(store, parent)
        found = await store.list_runs(**filters, limit=limit, cursor=cursor)
        following = store.cursor_after(found[-1]) if found else None
        more = following and await store.list_runs(**filters, limit=1, cursor=following)
        return found, await store.count_runs(**filters), following if more else None

    try:
        found, total, following = ask(db, matching)
    except QueryError as exc:
        raise typer.BadParameter(str(exc)) from exc
    with written_to(output, form):
        print_runs(found, form)
    if following:
        note(f"{len(found)} of {total} runs; go on with --cursor {following}")
    return 0


def print_runs(found: Sequence[RunSummary], form: Format = Format.TABLE) -> None:
    """
    Print runs in the form asked for.
    """
    if form in BINARY:
        write_binary(result_of(RunSummary, found), form)
        return
    rows = [record(run) for run in found]
    if form in (Format.TABLE, Format.MD):
        rows = [
            {
                **row,
                "started_at": run.started_at,
                "last_seen_at": run.last_seen_at,
                "_cost": _cost(run),
            }
            for row, run in zip(rows, found, strict=True)
        ]
    keys = [field.name for field in fields(RunSummary)]
    write_rows(rows, _columns(found), form, empty="no runs match", keys=keys)


def _columns(found: Sequence[RunSummary]) -> Sequence[Column]:
    """
    Leave out when runs were last seen where all have ended.
    """
    if any(run.last_seen_at is not None for run in found):
        return COLUMNS
    return [column for column in COLUMNS if column.key != "last_seen_at"]


def _cost(run: RunSummary) -> str:
    return cost(run.total_cost_usd, run.unpriced_calls)

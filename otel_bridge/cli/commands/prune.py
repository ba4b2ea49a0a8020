"""
`otel-bridge prune`: erase what should not stay.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import typer
from otel_bridge_storage.addresses import address_of
from otel_bridge_storage.erasure import HOLD_TAG, Erased

from otel_bridge import maintenance
from otel_bridge.cli.output import note, write_line
from otel_bridge.cli.texts import counted

_AGED = "--older-than or --max-size"
_NAMED = "--run, --session, --user or --tenant"


def prune(
    *,
    db: str,
    older_than: datetime | None,
    max_bytes: int | None,
    keep_errors: bool,
    named: Mapping[str, str | None],
    hold: Sequence[str],
    dry_run: bool,
) -> int:
    """
    Erase by age and size, or one thing by name, and say what is gone.

    Returns:
        0; 1 if what was named is still there, since a legal hold keeps it.
    """
    given = {name: value for name, value in named.items() if value is not None}
    aged = older_than is not None or max_bytes is not None
    if len(given) + aged != 1:
        raise typer.BadParameter(f"say what to erase: {_AGED}, or one of {_NAMED}")
    tags = [HOLD_TAG, *hold]
    if given:
        if keep_errors or dry_run:
            raise typer.BadParameter(f"--keep-errors and --dry-run go with {_AGED}")
        erased = maintenance.erase(db, **given, hold_tags=tags)
    else:
        erased = maintenance.prune(
            db,
            older_than=older_than,
            max_bytes=max_bytes,
            keep_errors=keep_errors,
            hold_tags=tags,
            dry_run=dry_run,
        )
    write_line(f"{address_of(db)}: {'would erase' if dry_run else 'erased'} {_said(erased)}")
    if erased.held_runs:
        note(
            f"{counted(erased.held_runs, 'run')} on legal hold, or of the family of one, "
            f"stayed: their tag is one of {', '.join(tags)}"
        )
    return 1 if erased.held_runs else 0


def _said(erased: Erased) -> str:
    return (
        f"{counted(erased.runs, 'run')}, {counted(erased.spans, 'span')}, "
        f"{counted(erased.logs, 'log record')} and {counted(erased.texts, 'text')}"
    )

"""
`otel-bridge reprice`: work out anew what the recorded calls cost.
"""

from datetime import datetime
from pathlib import Path

from otel_bridge_storage.addresses import address_of
from otel_bridge_storage.moments import PICO
from otel_bridge_storage.repricing import Repriced, Sum

from otel_bridge import maintenance
from otel_bridge.cli.output import write_line
from otel_bridge.cli.progress import progress
from otel_bridge.cli.texts import counted, money


def reprice(
    *, db: str, prices: Path | None, since: datetime | None, model: str | None, dry_run: bool
) -> int:
    """
    Reprice, and say how many calls changed and what all cost before and after.
    """
    with progress("calls", None) as done:
        shown = 0

        def tell(count: int, _: int) -> None:
            nonlocal shown
            done(count - shown)
            shown = count

        repriced = maintenance.reprice(
            db, prices=prices, since=since, model=model, dry_run=dry_run, progress=tell
        )
    write_line(f"{address_of(db)}: {_said(repriced, dry_run=dry_run)}")
    return 0


def _said(repriced: Repriced, *, dry_run: bool) -> str:
    verb = "would be repriced" if dry_run else "repriced"
    return (
        f"{repriced.changed:,} of {counted(repriced.calls, 'call')} {verb}; "
        f"before {_sum(repriced.before)}, after {_sum(repriced.after)}"
    )


def _sum(total: Sum) -> str:
    unpriced = f" and {counted(total.unpriced, 'call')} unpriced" if total.unpriced else ""
    return money(total.picousd / PICO) + unpriced
